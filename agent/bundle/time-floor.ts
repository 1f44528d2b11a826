import { readFile } from "node:fs/promises";
import { MADE_MS } from "../assets/stores/clock-evidence.ts";
import { AgentError } from "../errors.ts";
import { errorCode, whyNot } from "../state/folder.ts";
import { replaceFile } from "../state/replace-file.ts";

const DAY_MS = 86_400_000;
/** A clock that is this far after the making of the software is not believed: nothing may be noted that could never be passed. */
const MAX_AGE_MS: number = 30 * 365 * DAY_MS;

/** What is known of the time, for who judges by dates. */
export interface ProvenTime {
  /** The host's clock, milliseconds since 1970. */
  readonly wallMs: number;
  /** Whether that clock can be right. */
  readonly plausible: boolean;
  /** It is this late at least, milliseconds since 1970. */
  readonly floorMs: number;
}

export interface TimeFloorOptions {
  /** Where the floor is kept; a line of text, so that somebody on the host can take it away. */
  readonly file: string;
  /** The host's clock, milliseconds since 1970. */
  readonly wallMs: () => number;
  /** When this software was made. */
  readonly madeMs?: number;
  /** Why the clock cannot be right, as far as others know; undefined: nothing speaks against it. */
  readonly doubt?: () => string | undefined;
}

/** Opens the floor that is kept. One that cannot be understood counts as none; rejects with E_STATE when it cannot be read. */
export async function openTimeFloor(options: TimeFloorOptions): Promise<TimeFloor> {
  const madeMs = options.madeMs ?? MADE_MS;
  let kept = Number.NaN;
  try {
    kept = Date.parse((await readFile(options.file, "latin1")).trim());
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT") throw unusable(options.file, cause);
  }
  return new TimeFloor(options, madeMs, kept <= madeMs + MAX_AGE_MS ? kept : madeMs);
}

/**
 * The latest time that has passed for certain, over restarts of a host without a clock of its own.
 *
 * It moves forward with the host's clock while that is plausible: not before the floor, not far after this software was made,
 * and nothing else speaks against it.
 */
export class TimeFloor {
  private readonly options: TimeFloorOptions;
  private readonly madeMs: number;
  private floorMs: number;
  /** The floor on the disk. */
  private keptMs: number;

  constructor(options: TimeFloorOptions, madeMs: number, keptMs: number) {
    this.options = options;
    this.madeMs = madeMs;
    this.keptMs = keptMs;
    this.floorMs = Math.max(madeMs, keptMs);
  }

  /** What is known now. */
  look(): ProvenTime {
    const wallMs = this.options.wallMs();
    const plausible =
      wallMs >= this.floorMs &&
      wallMs <= this.madeMs + MAX_AGE_MS &&
      this.options.doubt?.() === undefined;
    return { wallMs, plausible, floorMs: this.floorMs };
  }

  /**
   * Moves the floor forward when the clock is plausible; to be called every hour or so. It is written once a day of its time, to
   * be gentle to the disk, so that a power cut sets it back by a day at most. Rejects with E_STATE.
   */
  async observe(): Promise<ProvenTime> {
    const { wallMs, plausible } = this.look();
    if (plausible) this.floorMs = wallMs;
    if (this.floorMs - this.keptMs >= DAY_MS) {
      const { file } = this.options;
      try {
        await replaceFile(file, `${new Date(this.floorMs).toISOString()}\n`, 0o644);
      } catch (cause) {
        throw unusable(file, cause);
      }
      this.keptMs = this.floorMs;
    }
    return this.look();
  }
}

function unusable(file: string, cause: unknown): AgentError {
  return new AgentError("E_STATE", `cannot keep the time in ${file}: ${whyNot(file, cause)}`, {
    cause,
  });
}
