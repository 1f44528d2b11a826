import type { Octets } from "../protocols/wire/octets.ts";

/** What a simulated firmware tells about itself, in order. Stages are short words: "rarp", "tftp", "nfs", "http". */
export type FirmwareEvent =
  | { readonly kind: "step"; readonly stage: string; readonly text: string }
  | {
      readonly kind: "transfer";
      /** The name as asked: a TFTP name, a name in the NFS root, a URL. */
      readonly file: string;
      readonly protocol: string;
      readonly octets: number;
      /** The size the server announced; null when the protocol does not tell. */
      readonly total: number | null;
      readonly done: boolean;
    }
  | { readonly kind: "booted"; readonly octets: number }
  | { readonly kind: "failed"; readonly stage: string; readonly reason: string };

/**
 * A simulated boot firmware: whole Ethernet frames in and out, time as an argument, no socket and no timer.
 *
 * The caller hands over frames as they come, calls `handleTimeout` when `pollTimeout` has passed, and after either empties
 * `pollTransmit` and `pollEvent`. Nothing is kept of a frame after `handleFrame` returns.
 */
export interface Firmware {
  /** The kind: "openfirmware", "pxe". */
  readonly name: string;
  powerOn(nowMs: number): void;
  handleFrame(o: Octets, at: number, len: number, nowMs: number): void;
  /** Writes the next frame at `at` and returns its octets; 0 when there is none. A frame is at most 1514 octets. */
  pollTransmit(o: Octets, at: number, nowMs: number): number;
  /** Absolute time in milliseconds at which `handleTimeout` is due; Infinity when nothing is awaited. */
  pollTimeout(): number;
  handleTimeout(nowMs: number): void;
  pollEvent(): FirmwareEvent | undefined;
  /** True once `booted` or `failed` has been said. */
  readonly finished: boolean;
}

/**
 * Receives every piece of every file in order, once each.
 *
 * `o` is valid until the call returns. A text as result says what is wrong with the content, and the firmware fails with it.
 */
export type ContentSink = (
  file: string,
  fileAt: number,
  o: Octets,
  at: number,
  len: number,
) => string | undefined;

/** What a complete file must be. The CRC-32 is that of IEEE 802.3 (zlib). */
export interface ExpectedFile {
  readonly size: number;
  readonly crc32: number;
}

/** What every simulated firmware needs from its caller. */
export interface FirmwareOptions {
  /** The machine's Ethernet address, six octets. */
  readonly mac: Uint8Array;
  /** Uniform uint32 values: transaction ids, source ports and jitter come from here. */
  readonly random: () => number;
  readonly sink?: ContentSink;
  /** What the file of that name must be; undefined when any content will do. */
  readonly expect?: (file: string) => ExpectedFile | undefined;
  /**
   * Accepts a UDP or TCP checksum that is only the sum of the pseudo header, as Linux leaves it on virtual links (veth, tap)
   * for a network card to complete. Off unless told: on a real wire such a packet is damaged.
   */
  readonly partialChecksums?: boolean;
}
