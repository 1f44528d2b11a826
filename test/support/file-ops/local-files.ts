import { constants } from "node:fs";
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rmdir,
  symlink,
  truncate,
  unlink,
  utimes,
} from "node:fs/promises";
import type { TreeRefusal } from "../../../agent/assets/trees/tree.ts";
import type { Done, FileFacts, FileOps } from "./file-ops.ts";

const REFUSALS: Readonly<Record<string, TreeRefusal>> = {
  ENOENT: "no-entry",
  EEXIST: "exists",
  ENOTEMPTY: "not-empty",
  ENOTDIR: "not-a-directory",
  EISDIR: "is-a-directory",
  EINVAL: "not-permitted",
  EPERM: "not-permitted",
  ENAMETOOLONG: "name-too-long",
};

/** A directory of this host: what the others are measured by. */
export class LocalFiles implements FileOps {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  stat(path: string): Promise<FileFacts | TreeRefusal> {
    return this.at(path, async (file) => {
      const s = await lstat(file);
      const kind = s.isDirectory() ? "directory" : s.isSymbolicLink() ? "symlink" : "file";
      return { kind, mode: s.mode & 0o7777, nlink: s.nlink, size: s.size, mtimeMs: s.mtimeMs };
    });
  }

  list(path: string): Promise<readonly string[] | TreeRefusal> {
    return this.at(path, async (file) => {
      if (!(await lstat(file)).isDirectory()) return "not-a-directory";
      return (await readdir(file)).sort();
    });
  }

  read(path: string, offset: number, len: number): Promise<Uint8Array | TreeRefusal> {
    return this.file(path, async (file) => {
      const handle = await open(file, constants.O_RDONLY);
      try {
        const octets = new Uint8Array(len);
        const { bytesRead } = await handle.read(octets, 0, len, offset);
        return octets.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    });
  }

  create(path: string, mode: number): Done {
    return this.at(path, async (file) => {
      const handle = await open(file, "wx", mode);
      await handle.chmod(mode);
      await handle.close();
      return undefined;
    });
  }

  write(path: string, offset: number, octets: Uint8Array): Done {
    return this.file(path, async (file) => {
      const handle = await open(file, constants.O_WRONLY);
      try {
        await handle.write(octets, 0, octets.length, offset);
      } finally {
        await handle.close();
      }
      return undefined;
    });
  }

  truncate(path: string, size: number): Done {
    return this.file(path, (file) => truncate(file, size).then(() => undefined));
  }

  setMode(path: string, mode: number): Done {
    return this.at(path, async (file) => {
      if ((await lstat(file)).isSymbolicLink()) return "not-permitted";
      await chmod(file, mode);
      return undefined;
    });
  }

  setMtime(path: string, mtimeMs: number): Done {
    return this.at(path, async (file) => {
      const stat = await lstat(file);
      if (stat.isSymbolicLink()) return "not-permitted";
      await utimes(file, stat.atimeMs / 1000, mtimeMs / 1000);
      return undefined;
    });
  }

  mkdir(path: string, mode: number): Done {
    return this.at(path, async (file) => {
      await mkdir(file);
      await chmod(file, mode);
      return undefined;
    });
  }

  rmdir(path: string): Done {
    return this.at(path, (file) => rmdir(file).then(() => undefined));
  }

  remove(path: string): Done {
    return this.at(path, (file) => unlink(file).then(() => undefined));
  }

  rename(from: string, to: string): Done {
    return this.at(from, (a) => this.at(to, (b) => rename(a, b).then(() => undefined)));
  }

  link(from: string, to: string): Done {
    return this.at(from, (a) => this.at(to, (b) => link(a, b).then(() => undefined)));
  }

  symlink(path: string, target: string): Done {
    return this.at(path, (file) => symlink(target, file).then(() => undefined));
  }

  readlink(path: string): Promise<{ readonly target: string } | TreeRefusal> {
    return this.at(path, async (file) => {
      if (!(await lstat(file)).isSymbolicLink()) return "not-a-symlink";
      return { target: await readlink(file) };
    });
  }

  async reopen(): Promise<void> {}

  private file<T>(path: string, work: (file: string) => Promise<T>): Promise<T | TreeRefusal> {
    return this.at<T | TreeRefusal>(path, async (file) => {
      const stat = await lstat(file);
      if (stat.isDirectory()) return "is-a-directory";
      return stat.isFile() ? work(file) : "not-permitted";
    });
  }

  /** No link on the way is followed. */
  private async at<T>(path: string, work: (file: string) => Promise<T>): Promise<T | TreeRefusal> {
    const parts = path.split("/").filter((part) => part !== "");
    let at = this.root;
    try {
      for (const part of parts.slice(0, -1)) {
        at += `/${part}`;
        if (!(await lstat(at)).isDirectory()) return "not-a-directory";
      }
      const last = parts.at(-1);
      return await work(last === undefined ? at : `${at}/${last}`);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const refusal = REFUSALS[code];
      if (refusal === undefined) throw error;
      return refusal;
    }
  }
}
