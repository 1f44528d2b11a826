import type { Octets } from "../../../protocols/wire/octets.ts";
import type { Trace } from "./trace.ts";

/** One thing to be fuzzed: it takes octets, and tells what it read in them. */
export interface Target {
  readonly name: string;
  /** Parts of the paths of the source files that guide the search, "/protocols/dhcp/". */
  readonly sources: readonly string[];
  /** Octets of an input at most. */
  readonly maxLen: number;
  /** What a mutation may put in as a whole: magic numbers, names, framing. */
  readonly dictionary: readonly Uint8Array[];
  /** Inputs to begin with when the corpus is empty. */
  readonly seeds?: readonly Uint8Array[];
  readonly limits?: Partial<Limits>;
  /** Puts a mutant's checksum right, so that more than the checksum is tested. */
  mend?(input: Uint8Array): void;
  /** Decodes the `len` octets at `at`; must do the same for the same octets, wherever they lie. */
  run(o: Octets, at: number, len: number, t: Trace): void;
}

/** What one execution may take. */
export interface Limits {
  /** Reads of the input for each of its octets; a walk that is not linear exceeds any such number. */
  readonly readsPerOctet: number;
  /** Octets of typed arrays that are made, whatever the input says. */
  readonly allocatedOctets: number;
  /** Whether the input's memory may be replaced by a guarded stand-in, which `Buffer` and `TextDecoder` do not take. */
  readonly guarded: boolean;
  /** Whether the target reads the input where it lies. False where it is copied first: then one run is enough. */
  readonly inPlace: boolean;
  /** Milliseconds that any input of this target must be done in. */
  readonly ms: number;
}

export const DEFAULT_LIMITS: Limits = {
  readsPerOctet: 64,
  allocatedOctets: 16 * 1024,
  guarded: true,
  inPlace: true,
  ms: 100,
};

/** Octets of a text, one for each character. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Numbers as four octets each, as in XDR. */
export function words(...numbers: readonly number[]): Uint8Array {
  const u8 = new Uint8Array(numbers.length * 4);
  const dv = new DataView(u8.buffer);
  for (const [i, n] of numbers.entries()) dv.setUint32(i * 4, n);
  return u8;
}

/** Parts one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
