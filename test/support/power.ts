import type * as fs from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/**
 * Power that fails at a chosen change of the disk, for tests that replace `node:fs/promises` by `cuttable`. From then on nothing
 * is changed any more and every call rejects, as if the process were gone; a write that it meets is half done.
 */
export class Power {
  /** Changes until it fails; Infinity: it stays. */
  left: number = Number.POSITIVE_INFINITY;
  /** Every change since `reset`, as "rename draft" with the last part of the path. */
  readonly changes: string[] = [];

  reset(left: number = Number.POSITIVE_INFINITY): void {
    this.left = left;
    this.changes.length = 0;
  }

  get failed(): boolean {
    return this.left <= 0;
  }

  /** One more change. Throws when there is no power for it. */
  spend(what: string): void {
    if (this.left <= 0) throw new Error("no power");
    this.left--;
    if (this.left <= 0) throw new Error("the power fails");
    this.changes.push(what);
  }
}

type Fs = typeof fs;

/** The file system's functions, as far as they change something, with power from `power`. */
export function cuttable(actual: Fs, power: Power): Fs {
  const guarded = (name: keyof Fs): unknown => {
    const call = actual[name] as (...args: readonly unknown[]) => Promise<unknown>;
    return async (...args: readonly unknown[]): Promise<unknown> => {
      power.spend(`${name} ${baseOf(args[0])}`);
      return await call(...args);
    };
  };
  const names = ["rename", "link", "unlink", "rm", "mkdir", "chmod"] as const;
  const changes = Object.fromEntries(names.map((name) => [name, guarded(name)]));
  const open: Fs["open"] = async (file, flags, mode) => {
    if (typeof flags === "string" && flags.includes("w")) power.spend(`open ${baseOf(file)}`);
    return cuttableHandle(await actual.open(file, flags, mode), baseOf(file), power);
  };
  return { ...actual, ...changes, open };
}

function cuttableHandle(handle: FileHandle, name: string, power: Power): FileHandle {
  const { writeFile, sync, chmod } = handle;
  handle.writeFile = async (data) => {
    const octets = Buffer.from(data as string | Uint8Array);
    try {
      power.spend(`write ${name}`);
    } catch (error) {
      if (power.left === 0) await writeFile.call(handle, octets.subarray(0, octets.length >> 1));
      power.left = -1;
      throw error;
    }
    await writeFile.call(handle, octets);
  };
  handle.sync = async () => {
    power.spend(`sync ${name}`);
    await sync.call(handle);
  };
  handle.chmod = async (mode) => {
    power.spend(`chmod ${name}`);
    await chmod.call(handle, mode);
  };
  return handle;
}

/** Without what is random in the name of a draft. */
function baseOf(file: unknown): string {
  const name = String(file).split("/").at(-1) ?? "";
  return name.replace(/\.draft-.*/, ".draft");
}
