import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import { octetsText } from "../../log/timeline.ts";
import type { Source } from "../stores/source.ts";
import type { FetchLimits } from "./keeper-options.ts";
import { Patience } from "./patience.ts";

/** Largest list of checksums, octets. */
export const MAX_TEXT_OCTETS: number = 1024 * 1024;

/**
 * A small object whole, for lists of checksums and their signatures.
 *
 * Rejects with the source's errors, E_STORE_UNREACHABLE when it stalls, E_CHECKSUMS when it is too large to be a list.
 */
export async function fetchText(
  source: Source,
  clock: Clock,
  limits: FetchLimits,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const patience = new Patience(clock, signal);
  const late = (): AgentError =>
    new AgentError("E_STORE_UNREACHABLE", `${source.label}: nothing came in time`);
  try {
    const request = { from: 0, signal: patience.signal };
    const opened = await patience.wait(source.open(request), limits.openMs, late);
    const pieces: Uint8Array[] = [];
    let len = 0;
    const octets = opened.octets[Symbol.asyncIterator]();
    for (;;) {
      const next = await patience.wait(octets.next(), limits.stallMs, late);
      if (next.done) return Buffer.concat(pieces);
      len += next.value.length;
      if (len > MAX_TEXT_OCTETS) {
        const most = octetsText(MAX_TEXT_OCTETS);
        throw new AgentError(
          "E_CHECKSUMS",
          `${source.label}: no list of checksums is over ${most}`,
        );
      }
      pieces.push(Uint8Array.from(next.value));
    }
  } finally {
    patience.close();
  }
}
