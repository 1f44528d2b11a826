import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import type { ObjectVersion, Probe, Source } from "../stores/source.ts";
import type { FetchLimits } from "./keeper-options.ts";
import { Patience } from "./patience.ts";

/** What it takes to ask a store something. */
export interface Asking {
  readonly clock: Clock;
  readonly limits: FetchLimits;
}

/** `Source.probe`, which rejects with E_STORE_UNREACHABLE when no answer comes in time. */
export async function probeInTime(
  { clock, limits }: Asking,
  source: Source,
  known: ObjectVersion | undefined,
  signal: AbortSignal,
): Promise<Probe> {
  const patience = new Patience(clock, signal);
  try {
    return await patience.wait(source.probe(known, patience.signal), limits.openMs, () =>
      noAnswer(source, limits),
    );
  } finally {
    patience.close();
  }
}

/** A store that did not begin to answer. */
export function noAnswer(source: Source, limits: FetchLimits): AgentError {
  const seconds = limits.openMs / 1000;
  return new AgentError(
    "E_STORE_UNREACHABLE",
    `${source.label}: no answer within ${seconds} seconds`,
  );
}
