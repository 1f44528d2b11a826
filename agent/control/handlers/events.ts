import { AgentError } from "../../errors.ts";
import type { AgentEvent } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { EventQueue } from "./event-queue.ts";
import { type AgentParts, isoTime } from "./parts.ts";

/** A reader who does not hear from us for a while knows that the connection is dead, ms. */
const ALIVE_MS = 15_000;
/** Events that wait for one reader. */
const MAX_WAITING = 1_000;
/** Readers at a time. */
const MAX_READERS = 32;

/** What happens, as it happens. */
export function eventHandlers(parts: AgentParts): Pick<Handlers, "events.follow"> {
  const readers = new Set<EventQueue>();
  return {
    "events.follow": ({ machine }, { signal }) => {
      if (machine !== undefined) parts.running()?.planner.machine(machine);
      return follow(parts, machine, signal, readers);
    },
  };
}

/** Begins with the agent's state; ends when the reader goes, or the agent stops. */
async function* follow(
  parts: AgentParts,
  machine: string | undefined,
  signal: AbortSignal,
  readers: Set<EventQueue>,
): AsyncGenerator<AgentEvent, void, void> {
  if (readers.size >= MAX_READERS) {
    throw new AgentError("E_BUSY", `${MAX_READERS} follow this agent already`);
  }
  const { journal, news, clock } = parts;
  const time = (): string => isoTime(parts.wallMs());
  const queue = new EventQueue(MAX_WAITING, time);
  queue.push({ type: "state", time: time(), ...parts.situation() });
  let cancel = (): void => {};
  const beat = (): void => {
    queue.push({ type: "alive", time: time() });
    cancel = clock.after(ALIVE_MS, beat);
  };
  cancel = clock.after(ALIVE_MS, beat);
  const ends = [
    journal.follow((step) => {
      if (machine !== undefined && step.machine !== machine) return;
      queue.push({ type: "journal", entry: step.entry() });
    }),
    news.follow((event) => queue.push(event)),
    () => cancel(),
    () => readers.delete(queue),
  ];
  const stop = (): void => queue.end();
  signal.addEventListener("abort", stop);
  readers.add(queue);
  if (signal.aborted) stop();
  try {
    for (;;) {
      const event = await queue.next();
      if (!event || signal.aborted) return;
      yield event;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    for (const end of ends) end();
  }
}
