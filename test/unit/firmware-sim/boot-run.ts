import { createHash } from "node:crypto";
import type { ContentSink, Firmware, FirmwareEvent } from "../../../firmware-sim/firmware.ts";
import { copyOctets } from "../../../firmware-sim/stack/copy-octets.ts";
import { parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { VirtualHost } from "../../support/virtual-host.ts";
import { VirtualWire, type WireConditions } from "../../support/virtual-wire.ts";

/** What became of one boot. */
export interface BootRun {
  readonly events: FirmwareEvent[];
  /** "booted 4711" or "failed nfs: …", or "unfinished". */
  readonly verdict: string;
  readonly atMs: number;
}

/** Powers a firmware on beside the hosts and runs it to its end, or for `limitMs`. */
export function runBoot(
  firmware: Firmware,
  hosts: readonly VirtualHost[],
  conditions: WireConditions = {},
  limitMs = 600_000,
): BootRun {
  const wire = new VirtualWire(conditions).join(firmware, ...hosts);
  firmware.powerOn(wire.clock.nowMs);
  wire.run(limitMs);
  const events: FirmwareEvent[] = [];
  for (let e = firmware.pollEvent(); e; e = firmware.pollEvent()) events.push(e);
  return { events, verdict: verdictOf(events.at(-1)), atMs: wire.clock.nowMs };
}

/** Pieces of each file, in the order they came. */
export type CollectedFiles = Map<string, Uint8Array[]>;

/** A sink that keeps everything, and sees that pieces follow one another. */
export function collectInto(files: CollectedFiles): ContentSink {
  const ends = new Map<string, number>();
  return (file, fileAt, o, at, len) => {
    if (fileAt !== (ends.get(file) ?? 0)) return `a piece for ${fileAt} out of order`;
    ends.set(file, fileAt + len);
    const pieces = files.get(file) ?? [];
    pieces.push(copyOctets(o, at, len));
    files.set(file, pieces);
    return undefined;
  };
}

/** SHA-256 of a collected file; of nothing when none of it came. */
export function digestOf(files: CollectedFiles, file: string): string {
  const hash = createHash("sha256");
  for (const piece of files.get(file) ?? []) hash.update(piece);
  return hash.digest("hex");
}

/** SHA-256 of octets. */
export function digest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Deterministic content that no two offsets of a small file share. */
export function sampleFile(size: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

/** An address that is known to be well-formed. */
export function ip(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

function verdictOf(event: FirmwareEvent | undefined): string {
  if (event?.kind === "booted") return `booted ${event.octets}`;
  if (event?.kind === "failed") return `failed ${event.stage}: ${event.reason}`;
  return "unfinished";
}
