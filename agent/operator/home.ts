import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { AgentError } from "../errors.ts";
import { errorCode, whyNot } from "../state/folder.ts";
import { replaceFile } from "../state/replace-file.ts";

/** A key, a list of pins or a list of names is never larger. */
const MAX_OCTETS: number = 1024 * 1024;
/** What others may do with a file or folder: nothing. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
/** How long another command may hold the lock, ms; an older lock was left behind by one that was killed. */
const LOCK_MS = 5_000;
const LOCK_EVERY_MS = 20;

/** The folder in which an operator keeps the key and what is known of agents. Made when something is first written into it. */
export class OperatorHome {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  file(name: string): string {
    return path.join(this.dir, name);
  }

  /**
   * The text of a file; undefined when there is none.
   *
   * Throws E_KEY when others could have changed it, or, where it is `secret`, read it.
   */
  read(name: string, secret = false): string | undefined {
    return readPrivate(this.file(name), secret);
  }

  /** Puts a file in place as a whole, durable, for nobody else to read. Rejects with E_KEY. */
  async write(name: string, text: string): Promise<void> {
    this.make();
    try {
      await replaceFile(this.file(name), text, 0o600);
    } catch (cause) {
      throw failed(this.file(name), cause);
    }
  }

  /** Changes a file while no other command does. `change` gets what is there now. Rejects with E_KEY. */
  async update(name: string, change: (text: string | undefined) => string): Promise<void> {
    this.make();
    const lock = this.file(`${name}.lock`);
    await take(lock);
    try {
      await this.write(name, change(this.read(name)));
    } finally {
      rmSync(lock, { force: true });
    }
  }

  private make(): void {
    try {
      mkdirSync(this.dir, { recursive: true, mode: 0o700 });
      const { mode } = statSync(this.dir);
      if ((mode & OTHERS_WRITE) === 0) return;
    } catch (cause) {
      throw failed(this.dir, cause);
    }
    throw exposed(this.dir, "others may write into it", "700");
  }
}

/** `$PILOTLIGHT_HOME`, or `pilotlight` in the user's folder for configuration. */
export function operatorHome(env: NodeJS.ProcessEnv): OperatorHome {
  const { PILOTLIGHT_HOME, XDG_CONFIG_HOME, HOME } = env;
  if (PILOTLIGHT_HOME) return new OperatorHome(path.resolve(PILOTLIGHT_HOME));
  const config = XDG_CONFIG_HOME || path.join(HOME || homedir(), ".config");
  return new OperatorHome(path.join(config, "pilotlight"));
}

/** The text of a file that only its owner may write and, where it is `secret`, read; undefined when there is none. */
export function readPrivate(file: string, secret: boolean): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (errorCode(cause) === "ENOENT" || errorCode(cause) === "ENOTDIR") return undefined;
    throw failed(file, cause);
  }
  try {
    const { mode, size } = fstatSync(fd);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_OCTETS) {
      throw new AgentError("E_KEY", `${file} is no file of at most ${MAX_OCTETS} octets`);
    }
    if (secret && (mode & OTHERS) !== 0) throw exposed(file, "others may read it", "600");
    if ((mode & OTHERS_WRITE) !== 0) throw exposed(file, "others may write it", "600");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

async function take(lock: string): Promise<void> {
  for (;;) {
    try {
      closeSync(openSync(lock, "wx", 0o600));
      return;
    } catch (cause) {
      if (errorCode(cause) !== "EEXIST") throw failed(lock, cause);
    }
    const there = lstatSync(lock, { throwIfNoEntry: false });
    if (there && Date.now() - there.mtimeMs > LOCK_MS) rmSync(lock, { force: true });
    else await later(LOCK_EVERY_MS);
  }
}

function exposed(file: string, why: string, mode: string): AgentError {
  return new AgentError("E_KEY", `${file} is not used: ${why}`, {
    cure: `If nobody has: chmod ${mode} ${file}`,
  });
}

function failed(file: string, cause: unknown): AgentError {
  if (cause instanceof AgentError) return cause;
  return new AgentError("E_KEY", `cannot use ${file}: ${whyNot(file, cause)}`, {
    cause,
    cure: "Name another folder with $PILOTLIGHT_HOME, or give this one to yourself.",
  });
}
