import type { BootScript } from "../boot-script.ts";
import type { HostStack } from "../stack/host-stack.ts";

/** First wait, doubled for each retry (NetBSD and OpenBSD sys/lib/libsa/net.c: MINTMO, MAXTMO). */
const MIN_TIMEOUT_MS = 2_000;
const MAX_TIMEOUT_MS = 120_000;

/**
 * libsa's `sendrecv`: sends at 0, 2, 6, 14, 30 and 62 s, and gives up at 126 s with undefined.
 *
 * `receive` returns what was accepted until the given time, and skips what its protocol ignores.
 */
export function* sendReceive<T>(
  host: HostStack,
  send: () => void,
  receive: (untilMs: number) => BootScript<T | undefined>,
): BootScript<T | undefined> {
  for (let waitMs = MIN_TIMEOUT_MS; waitMs < MAX_TIMEOUT_MS; waitMs *= 2) {
    if (waitMs > MIN_TIMEOUT_MS) host.repeats += 1;
    send();
    const answer = yield* receive(host.nowMs + waitMs);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
