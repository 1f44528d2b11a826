import type { VerbName } from "../../../agent/control/messages.ts";
import { type Asked, type Handlers, VERBS } from "../../../agent/control/verbs.ts";
import { SAMPLES, VERB_NAMES } from "./samples.ts";

/** What a handler was asked. */
export interface AskedOf {
  readonly verb: VerbName;
  readonly args: unknown;
  readonly asked: Asked;
}

/** Handlers that answer with the samples, and remember what they were asked. */
export function fakeHandlers(more: Partial<Handlers> = {}): {
  handlers: Handlers;
  asked: AskedOf[];
} {
  const asked: AskedOf[] = [];
  const made = VERB_NAMES.map((verb) => {
    const given = more[verb] as ((args: unknown, a: Asked) => unknown) | undefined;
    const answer = (args: unknown, a: Asked): unknown => {
      asked.push({ verb, args, asked: a });
      if (given) return given(args, a);
      const { results } = SAMPLES[verb];
      return VERBS[verb].stream ? each(results) : Promise.resolve(results[0]);
    };
    return [verb, answer];
  });
  return { handlers: Object.fromEntries(made) as Handlers, asked };
}

async function* each(items: readonly unknown[]): AsyncIterable<unknown> {
  yield* items;
}
