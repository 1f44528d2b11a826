import { type CborLimits, walkCbor } from "../../protocols/cbor/walk.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { statusName } from "../../protocols/wire/status.ts";
import { AgentError } from "../errors.ts";
import { CborReader } from "./cbor-reader.ts";
import { CborWriter } from "./cbor-writer.ts";

/** Plain data as the protocol carries it: the same in CBOR and JSON, but for octets. A member that is undefined is left out. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain | undefined };

/** What a request of at most `octets` may be made of. */
export function requestLimits(octets: number): CborLimits {
  return {
    octets,
    items: 16_384,
    depth: 8,
    mapEntries: 256,
    intKeys: false,
    tags: [],
    floats: true,
  };
}

/**
 * Plain data in the deterministic encoding of RFC 8949 section 4.2.1: shortest numbers, definite lengths, keys in the order of their octets.
 *
 * Throws TypeError for what is not plain data, which is a bug of ours: an instance of a class but Uint8Array, a function, NaN.
 */
export function encodeCbor(value: unknown): Uint8Array {
  const writer = new CborWriter();
  writer.item(value);
  return writer.done();
}

/**
 * What one item of CBOR says, which fills the octets. Byte strings are copies.
 *
 * Throws E_PROTOCOL for what `walkCbor` refuses under these limits and for integers beyond 2^53 - 1; nothing is decoded then.
 */
export function decodeCbor(octets: Uint8Array, limits: CborLimits): unknown {
  const status = walkCbor(new Octets(octets), 0, octets.length, limits);
  if (status === 0) return new CborReader(octets).item();
  throw new AgentError(
    "E_PROTOCOL",
    `a message is not CBOR as this protocol has it: ${statusName(status)}`,
  );
}
