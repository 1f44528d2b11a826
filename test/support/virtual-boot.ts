import { createHash } from "node:crypto";
import type { ContentSink, Firmware, FirmwareEvent } from "../../firmware-sim/firmware.ts";

/** Digests of what a simulated firmware loads. */
export interface Loaded {
  readonly sink: ContentSink;
  /** SHA-256 in hex by the name that it asked for. */
  digests(): ReadonlyMap<string, string>;
}

/** A sink that keeps nothing but digests. */
export function loaded(): Loaded {
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  return {
    sink: (file, _at, o, at, len) => {
      const hash = hashes.get(file) ?? createHash("sha256");
      hash.update(o.u8.subarray(at, at + len));
      hashes.set(file, hash);
      return undefined;
    },
    digests: () => new Map([...hashes].map(([name, hash]) => [name, hash.copy().digest("hex")])),
  };
}

/** How a boot ended: "booted OCTETS", "failed STAGE: REASON", "unfinished". */
export function verdictOf(firmware: Firmware): string {
  let last: FirmwareEvent | undefined;
  for (let e = firmware.pollEvent(); e; e = firmware.pollEvent()) last = e;
  if (last?.kind === "booted") return `booted ${last.octets}`;
  return last?.kind === "failed" ? `failed ${last.stage}: ${last.reason}` : "unfinished";
}
