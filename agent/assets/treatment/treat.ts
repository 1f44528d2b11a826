import { AgentError } from "../../errors.ts";
import type { Treatment } from "./treatment.ts";

/** A verified file and what is to be done to it. */
export interface TreatInput {
  /** Path of a file whose octets were verified; not written to while it is read. */
  readonly file: string;
  /** Its octets. */
  readonly size: number;
  readonly treatment: Treatment;
  /** What the operator knows it by: the asset's name. Begins every error's message. */
  readonly label: string;
  /** Ends the reading; the reader then gets the signal's reason. */
  readonly signal: AbortSignal;
  /** What may come out at most, octets; without it there is no bound. */
  readonly maxOctets?: number;
}

/** What is served of a file. */
export async function* treat(input: TreatInput): AsyncGenerator<Uint8Array, void, undefined> {
  yield* [];
  throw new AgentError("E_TREATMENT", `${input.label}: cannot be unpacked yet`);
}
