import { createContext, Script } from "node:vm";

interface Room {
  readonly script: Script;
  /** What the script sees as its globals. */
  readonly globals: { work: (() => void) | undefined };
}

let room: Room | undefined;

/**
 * Does something synchronous that might never end, for so many milliseconds at most. What it throws is thrown; when the time is
 * over, an Error. What it worked on is then in an unknown state and must not be used again.
 *
 * For decoders of others that hostile input can keep busy: the event loop stands still meanwhile, but not for ever. It costs 30 to
 * 100 microseconds a call.
 */
export function withinTime(limitMs: number, work: () => void): void {
  // A context takes a megabyte: made once, and only where it is needed.
  room ??= makeRoom();
  const { script, globals } = room;
  globals.work = work;
  try {
    script.runInContext(globals, { timeout: limitMs });
  } finally {
    globals.work = undefined;
  }
}

function makeRoom(): Room {
  const globals: Room["globals"] = { work: undefined };
  createContext(globals);
  return { script: new Script("work()"), globals };
}
