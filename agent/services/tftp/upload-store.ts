import { lstat, mkdir, open, readdir, unlink } from "node:fs/promises";
import path from "node:path";
import { TftpError } from "../../../protocols/tftp/packet.ts";
import { errorCode, syncFolder } from "../../state/folder.ts";
import { draftOf, isDraft } from "../../state/replace-file.ts";
import type { Refusal } from "./decide.ts";
import { type Account, LEAST_LEN, UploadFile } from "./upload-file.ts";
import { fileExists, refusalOf } from "./upload-refusal.ts";

/** The name of a draft is longer, and the kernel takes 255 octets. */
const MAX_NAME = 200;
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

/**
 * The folders that machines write into, one each, none below it: `FOLDER/MACHINE/NAME`.
 *
 * A file has its name only when all of it is on the disk; until then it is a draft, and drafts that a power cut left are removed
 * when the agent starts. No file that is there is ever written over.
 */
export class UploadStore {
  private readonly folder: string;
  private readonly accounts = new Map<string, Account>();
  private swept: Promise<void> | undefined;

  /** `folder`: absolute; it is made when the first file comes. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Removes what was left half written; once, before the first file. */
  sweep(): Promise<void> {
    this.swept ??= this.removeDrafts();
    return this.swept;
  }

  /** Begins a file of a machine. `quota`: octets of all its files. `size`: of this one, when the client says it. */
  async begin(
    machine: string,
    asked: string,
    quota: number,
    size: number | undefined,
  ): Promise<UploadFile | Refusal> {
    const name = uploadName(asked);
    if (name === undefined || !isPlainName(machine)) {
      return { code: TftpError.AccessViolation, why: "not a name that could be written" };
    }
    const account = this.enter(machine, name);
    if (!account) return fileExists(name);
    const leave = (): void => this.leave(machine, account, name);
    try {
      account.quota = quota;
      account.measured ??= this.measure(account);
      await account.measured;
      const file = path.join(account.dir, name);
      const refused = (await isThere(file)) ? fileExists(name) : noRoom(account, size);
      if (refused) {
        leave();
        return refused;
      }
      const draft = draftOf(file);
      const handle = await open(draft, "wx", FILE_MODE);
      return new UploadFile({ file, draft, where: `${machine}/${name}`, handle, account, leave });
    } catch (error) {
      leave();
      return refusalOf(error);
    }
  }

  /** Counts one more file of a machine that is being written; undefined: it is being written already. */
  private enter(machine: string, name: string): Account | undefined {
    const dir = path.join(this.folder, machine);
    const known = this.accounts.get(machine);
    const account = known ?? { dir, quota: 0, used: 0, names: new Set(), measured: undefined };
    if (account.names.has(name)) return undefined;
    account.names.add(name);
    this.accounts.set(machine, account);
    return account;
  }

  /** An account is kept no longer than somebody writes: what an operator removes is free again. */
  private leave(machine: string, account: Account, name: string): void {
    account.names.delete(name);
    if (account.names.size === 0) this.accounts.delete(machine);
  }

  private async measure(account: Account): Promise<void> {
    const { dir } = account;
    const made = await mkdir(dir, { recursive: true, mode: FOLDER_MODE });
    if (made !== undefined) {
      await syncFolder(this.folder);
      await syncFolder(path.dirname(this.folder));
    }
    for (const entry of await readdir(dir)) {
      if (!isDraft(entry)) account.used += await lenOf(path.join(dir, entry));
    }
  }

  private async removeDrafts(): Promise<void> {
    for (const machine of await entriesOf(this.folder)) {
      const dir = path.join(this.folder, machine);
      for (const name of await entriesOf(dir)) {
        if (isDraft(name)) await unlink(path.join(dir, name)).catch(() => undefined);
      }
    }
  }
}

/** The plain name that a client means: of an absolute path without folders, its last part; undefined: none that is taken. */
export function uploadName(asked: string): string | undefined {
  const name = asked.replace(/^[A-Za-z]:(?=[/\\])/, "").replace(/^[/\\]+/, "");
  return isPlainName(name) ? name : undefined;
}

/** No folder, nothing hidden, nothing that a terminal or a shell takes for something else, no draft. */
function isPlainName(name: string): boolean {
  return (
    name.length <= MAX_NAME && /^[A-Za-z0-9_][A-Za-z0-9._+@=,:-]*$/.test(name) && !isDraft(name)
  );
}

function noRoom({ quota, used }: Account, size: number | undefined): Refusal | undefined {
  const wanted = Math.max(size ?? 0, LEAST_LEN);
  const left = Math.max(0, quota - used);
  if (wanted <= left) return undefined;
  return { code: TftpError.DiskFull, why: `${wanted} octets wanted, ${left} of its quota left` };
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function lenOf(file: string): Promise<number> {
  try {
    return Math.max(LEAST_LEN, (await lstat(file)).size);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return 0; // removed meanwhile
    throw error;
  }
}

async function entriesOf(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch {
    return []; // not there yet, or no folder
  }
}
