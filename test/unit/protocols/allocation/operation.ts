import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty } from "../../../support/hex.ts";
import type { View } from "../../../support/view-checks.ts";

/** A codec operation under the gate. `covers` is the name of the export. */
export interface CodecOperation {
  readonly covers: string;
  readonly run: () => number;
}

/** The slab that everything is written to. */
export const out: Octets = dirty(4_096);

/** Points `view` at `message` and reads it. */
export function decode<T extends View>(
  view: T,
  message: Octets,
  read: (v: T) => number,
): CodecOperation {
  const len = message.u8.length;
  if (view.reset(message, 0, len) !== Status.Ok)
    throw new Error(`${view.constructor.name}: sample`);
  return {
    covers: view.constructor.name,
    run: () => view.reset(message, 0, len) + read(view),
  };
}

/** Runs an emitter, named by itself. */
export function encode(emitter: { readonly name: string }, run: () => number): CodecOperation {
  return { covers: emitter.name, run };
}

/** What an emitter writes, as a message exactly as long. */
export function emitted(emit: (o: Octets, at: number) => number): Octets {
  const o = dirty(4_096);
  return new Octets(o.u8.slice(0, emit(o, 0)));
}

/** Several pieces, one behind the other. */
export function joined(...pieces: readonly Octets[]): Octets {
  return new Octets(Uint8Array.from(pieces.flatMap(({ u8 }) => [...u8])));
}
