import { type CborLimits, cborItemEnd } from "../../protocols/cbor/walk.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { decodeCbor } from "../control/cbor.ts";
import { AgentError } from "../errors.ts";

/**
 * The items of a CBOR sequence (RFC 8742) that comes in pieces. No more than one item and one piece is held.
 *
 * Throws E_PROTOCOL for what is no item within the limits.
 */
export async function* sequenceItems(
  pieces: AsyncIterable<Uint8Array>,
  limits: CborLimits,
): AsyncIterable<unknown> {
  let held: Uint8Array = new Uint8Array(0);
  for await (const piece of pieces) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    for (;;) {
      const end = held.length === 0 ? -1 : cborItemEnd(new Octets(held), 0, held.length, limits);
      if (end === 0 || (end < 0 && held.length > limits.octets)) throw broken();
      if (end < 0) break;
      yield decodeCbor(held.subarray(0, end), limits);
      held = held.subarray(end);
    }
  }
  if (held.length > 0) throw broken();
}

function broken(): AgentError {
  return new AgentError("E_PROTOCOL", "a stream has something in it that is no item of CBOR");
}
