import { type FileHandle, link, unlink } from "node:fs/promises";
import path from "node:path";
import { TftpError } from "../../../protocols/tftp/packet.ts";
import { syncFolder } from "../../state/folder.ts";
import type { Refusal } from "./decide.ts";
import { refusalOf } from "./upload-refusal.ts";

/** What a file takes of the quota at least: its entry in the folder and a block of the disk. */
export const LEAST_LEN = 4_096;

/** What one machine has written, while it writes. */
export interface Account {
  readonly dir: string;
  quota: number;
  /** Octets of all its files, those being written among them. */
  used: number;
  /** Names of the files being written. */
  readonly names: Set<string>;
  /** Resolves when `used` has what was there before. */
  measured: Promise<void> | undefined;
}

interface UploadFileInput {
  readonly file: string;
  readonly draft: string;
  readonly where: string;
  readonly handle: FileHandle;
  readonly account: Account;
  readonly leave: () => void;
}

/** A file that a machine writes: a draft until `commit` has resolved. */
export class UploadFile {
  /** "MACHINE/NAME", for the journal. */
  readonly where: string;
  private readonly o: UploadFileInput;
  private octets = 0;
  private charged = LEAST_LEN;
  private committing = false;
  private over = false;

  constructor(input: UploadFileInput) {
    this.o = input;
    this.where = input.where;
    input.account.used += LEAST_LEN;
  }

  /** Writes on. One call at a time. */
  async write(octets: Uint8Array): Promise<Refusal | undefined> {
    const { account, handle } = this.o;
    const more = Math.max(0, this.octets + octets.length - this.charged);
    if (account.used + more > account.quota) {
      return { code: TftpError.DiskFull, why: `its quota of ${account.quota} octets is used up` };
    }
    account.used += more;
    this.charged += more;
    try {
      for (let at = 0; at < octets.length; ) {
        const { bytesWritten } = await handle.write(octets, at, octets.length - at, this.octets);
        at += bytesWritten;
        this.octets += bytesWritten;
      }
      return undefined;
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Gives it its name. Resolves when it survives a power cut under that name; with a refusal, nothing is left of it. */
  async commit(): Promise<Refusal | undefined> {
    const { file, draft, handle } = this.o;
    this.committing = true;
    try {
      await handle.sync();
      // Unlike a rename this never takes the place of another file.
      await link(draft, file);
      await unlink(draft);
      await syncFolder(path.dirname(file));
    } catch (error) {
      this.committing = false;
      await this.discard();
      return refusalOf(error);
    }
    await this.close();
    return undefined;
  }

  /** It will not become whole. A commit that has begun goes on: its file is whole. */
  async discard(): Promise<void> {
    if (this.over || this.committing) return;
    await unlink(this.o.draft).catch(() => undefined);
    this.o.account.used -= this.charged;
    await this.close();
  }

  private async close(): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.o.leave();
    await this.o.handle.close().catch(() => undefined);
  }
}
