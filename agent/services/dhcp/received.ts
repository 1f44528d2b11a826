import { Octets } from "../../../protocols/wire/octets.ts";

/** What a message came with, and what became of it so far. */
export interface Came {
  /** UDP port of the sender; 0: off the link. */
  readonly srcPort: number;
  /** How long the question was held; undefined: it has just come. */
  readonly heldMs?: number;
  /** Nobody answered at the address that it would get. */
  readonly probed?: boolean;
}

export const OFF_LINK: Came = { srcPort: 0 };

/** A message where it lies for the moment. */
export interface Message {
  readonly o: Octets;
  readonly at: number;
  readonly len: number;
}

export interface CameMessage extends Message {
  readonly came: Came;
}

/** What it takes to look at a message again later. */
export function copyOf(o: Octets, at: number, len: number): Octets {
  return new Octets(octetsOf(o, at, len));
}

/** A copy: the lane's memory is a Buffer, whose `slice` is none. */
export function octetsOf(o: Octets, at: number, len: number): Uint8Array {
  return new Uint8Array(o.u8.subarray(at, at + len));
}
