import fs from "node:fs";
import path from "node:path";
import { NfsStat } from "../../../protocols/nfs/constants.ts";
import { type Handle, type NfsClient, NfsError, type Node } from "./nfs-client.ts";

const NAMES = 12;
const DIRECTORIES = ["d0", "d1", "d2"];
const LONGEST = 150_000;
const MOST = 20_000;
/** What NFS calls the errors of the local directory; of others it is enough that both fail. */
const CODES: Readonly<Record<string, number>> = {
  ENOENT: NfsStat.NoEnt,
  EEXIST: NfsStat.Exist,
  ENOTEMPTY: NfsStat.NotEmpty,
};
/** Calls at most between two looks at everything. */
const LOOK_EVERY = 150;
const CHUNK = 8_192;
/** Steps before a difference that are told with it. */
const RECENT = 60;

/**
 * Does the same random things to a directory by NFS and to a local one, and compares what came of it, as fsx does with one file.
 * Handles are kept from when they were first seen: they must lead to the same file for as long as it lives.
 */
export class NfsExerciser {
  steps = 0;
  private readonly nfs: NfsClient;
  private readonly root: Handle;
  private readonly local: string;
  private readonly random: () => number;
  /** By inode of the local directory. */
  private readonly handles = new Map<number, Node>();
  private readonly recent: string[] = [];
  private doing = "";

  constructor(nfs: NfsClient, root: Handle, local: string, random: () => number) {
    this.nfs = nfs;
    this.root = root;
    this.local = local;
    this.random = random;
  }

  /** Goes on for this long; rejects at the first difference. */
  async run(ms: number): Promise<void> {
    const end = Date.now() + ms;
    try {
      while (Date.now() < end) {
        this.steps += 1;
        await this.step();
        this.recent.push(`${this.steps} ${this.doing}`);
        if (this.recent.length > RECENT) this.recent.shift();
        if (this.steps % LOOK_EVERY === 0) await this.compareAll();
      }
      await this.compareAll();
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      const steps = this.recent.join("\n  ");
      throw new Error(`step ${this.steps}, ${this.doing}: ${what}; before:\n  ${steps}`);
    }
  }

  private async step(): Promise<void> {
    const a = this.pick();
    const b = this.pick();
    const what = this.below(12);
    this.doing = `operation ${what} on ${a} (${b})`;
    if (what <= 2) await this.write(a);
    else if (what === 3) await this.truncate(a);
    else if (what === 4) await this.chmod(a);
    else if (what === 5) await this.remove(a);
    else if (what === 6) await this.rename(a, b);
    else if (what === 7) await this.link(a, b);
    else if (what === 8) await this.symlink(a, b);
    else if (what === 9) await this.mkdir(this.pickDirectory(a));
    else if (what === 10) await this.rmdir(this.pickDirectory(a));
    else await this.renameDirectory();
    await this.compare(a);
    await this.compare(b);
  }

  private async write(name: string): Promise<void> {
    const stat = this.stat(name);
    if (stat && !stat.isFile()) return;
    if (!stat) {
      await this.both(
        () => fs.writeFileSync(this.at(name), "", { mode: 0o644, flag: "wx" }),
        async () => this.nfs.create(await this.place(name), { mode: 0o644 }),
      );
    }
    const offset = this.below(LONGEST);
    const octets = Uint8Array.from({ length: 1 + this.below(MOST) }, () => this.below(256));
    await this.both(
      () => {
        const file = fs.openSync(this.at(name), "r+");
        fs.writeSync(file, octets, 0, octets.length, offset);
        fs.closeSync(file);
      },
      async () => {
        const { handle } = await this.find(name);
        const starts = this.shuffled(
          Array.from({ length: Math.ceil(octets.length / CHUNK) }, (_, i) => i * CHUNK),
        );
        // As a kernel does it: all at once, in any order.
        await Promise.all(
          starts.map((at) => this.nfs.write(handle, offset + at, octets.subarray(at, at + CHUNK))),
        );
      },
    );
  }

  private async truncate(name: string): Promise<void> {
    if (!this.stat(name)?.isFile()) return;
    const size = this.below(LONGEST);
    await this.both(
      () => fs.truncateSync(this.at(name), size),
      async () => this.nfs.setattr((await this.find(name)).handle, { size }),
    );
  }

  private async chmod(name: string): Promise<void> {
    if (!this.stat(name)?.isFile()) return;
    const mode = this.below(0o1000);
    await this.both(
      () => fs.chmodSync(this.at(name), mode),
      async () => this.nfs.setattr((await this.find(name)).handle, { mode }),
    );
  }

  private async remove(name: string): Promise<void> {
    const stat = this.stat(name);
    await this.both(
      () => fs.unlinkSync(this.at(name)),
      async () => this.nfs.remove(await this.place(name)),
    );
    if (stat?.nlink === 1) await this.gone(stat.ino);
  }

  private async rename(from: string, to: string): Promise<void> {
    const victim = this.stat(to);
    const same = victim?.ino === this.stat(from)?.ino;
    await this.both(
      () => fs.renameSync(this.at(from), this.at(to)),
      async () => this.nfs.rename(await this.place(from), await this.place(to)),
    );
    if (!victim || same || this.stat(to)?.ino === victim.ino) return;
    if (victim.isDirectory() || victim.nlink === 1) await this.gone(victim.ino);
  }

  private async renameDirectory(): Promise<void> {
    const [from = "", to = ""] = this.shuffled(DIRECTORIES);
    this.doing += `: rename ${from} to ${to}`;
    const victim = this.stat(to);
    await this.both(
      () => fs.renameSync(this.at(from), this.at(to)),
      async () => this.nfs.rename(await this.place(from), await this.place(to)),
    );
    if (victim && this.stat(to)?.ino !== victim.ino) await this.gone(victim.ino);
  }

  private async link(name: string, further: string): Promise<void> {
    if (!this.stat(name)?.isFile()) return;
    await this.both(
      () => fs.linkSync(this.at(name), this.at(further)),
      async () => this.nfs.link((await this.find(name)).handle, await this.place(further)),
    );
  }

  private async symlink(name: string, target: string): Promise<void> {
    await this.both(
      () => fs.symlinkSync(target, this.at(name)),
      async () => this.nfs.symlink(await this.place(name), target),
    );
  }

  private async mkdir(name: string): Promise<void> {
    await this.both(
      () => fs.mkdirSync(this.at(name), { mode: 0o755 }),
      async () => this.nfs.mkdir(await this.place(name), { mode: 0o755 }),
    );
  }

  private async rmdir(name: string): Promise<void> {
    const stat = this.stat(name);
    await this.both(
      () => fs.rmdirSync(this.at(name)),
      async () => this.nfs.rmdir(await this.place(name)),
    );
    if (stat && !this.stat(name)) await this.gone(stat.ino);
  }

  /** Both must succeed, or fail alike. */
  private async both(local: () => void, remote: () => Promise<unknown>): Promise<void> {
    let wanted: string | undefined;
    try {
      local();
    } catch (error) {
      wanted = (error as NodeJS.ErrnoException).code;
    }
    const status = await statusOf(remote);
    if (wanted !== undefined) this.doing += `: ${wanted}`;
    const code = wanted === undefined ? NfsStat.Ok : CODES[wanted];
    const alike = code === undefined ? status !== NfsStat.Ok : status === code;
    if (!alike) throw new Error(`NFS status ${status}, where the local one said ${wanted ?? "ok"}`);
  }

  /** What was removed is STALE to whoever holds its handle. */
  private async gone(ino: number): Promise<void> {
    const known = this.handles.get(ino);
    this.handles.delete(ino);
    if (!known) return;
    const status = await statusOf(() => this.nfs.getattr(known.handle));
    if (status !== NfsStat.Stale) throw new Error(`status ${status} for what is gone, not STALE`);
  }

  private async compareAll(): Promise<void> {
    this.doing = "a look at everything";
    await this.compareNames("");
    for (const directory of DIRECTORIES) {
      if (this.stat(directory)) await this.compareNames(directory);
    }
  }

  private async compareNames(directory: string): Promise<void> {
    const { handle } = directory ? await this.find(directory) : { handle: this.root };
    const found = (await this.nfs.readdir(handle)).sort();
    const wanted = fs.readdirSync(this.at(directory)).sort();
    if (found.join() !== wanted.join()) {
      throw new Error(`in "${directory}" are ${found.join()}, not ${wanted.join()}`);
    }
    for (const name of wanted) await this.compare(path.posix.join(directory, name));
  }

  private async compare(name: string): Promise<void> {
    const stat = this.stat(name);
    let node: Node | undefined;
    let why = "";
    try {
      node = await this.find(name);
    } catch (error) {
      if (!(error instanceof NfsError)) throw error;
      why = error.message;
    }
    if (!stat || !node) {
      if (stat || node)
        throw new Error(`${name} is ${node ? "there by NFS only" : `lost: ${why}`}`);
      return;
    }
    const before = this.handles.get(stat.ino);
    if (before && before.fileid !== node.fileid) {
      throw new Error(`${name} has fileid ${node.fileid}, and had ${before.fileid}`);
    }
    if (!before) this.handles.set(stat.ino, node);
    const type = stat.isDirectory() ? 2 : stat.isSymbolicLink() ? 5 : 1;
    const wanted = { type, mode: stat.mode & 0o7777, size: stat.size, nlink: stat.nlink };
    if (type === 5)
      this.same(name, "target", await this.nfs.readlink(node.handle), this.target(name));
    else this.same(name, "mode", node.mode, wanted.mode);
    this.same(name, "type", node.type, type);
    if (type !== 2) this.same(name, "nlink", node.nlink, wanted.nlink);
    if (type !== 1) return;
    this.same(name, "size", node.size, wanted.size);
    await this.compareOctets(name, node);
  }

  private async compareOctets(name: string, { handle, size }: Node): Promise<void> {
    const starts = Array.from({ length: Math.ceil(size / CHUNK) }, (_, i) => i * CHUNK);
    const pieces = await Promise.all(starts.map((at) => this.nfs.read(handle, at, CHUNK)));
    const found = Buffer.concat(pieces);
    const wanted = fs.readFileSync(this.at(name));
    if (found.equals(wanted)) return;
    const at = found.findIndex((octet, i) => octet !== wanted[i]);
    throw new Error(
      `${name}: ${found.length} octets, and at ${at} ${found[at]}, not ${wanted[at]} of ${wanted.length}`,
    );
  }

  private same(name: string, what: string, found: unknown, wanted: unknown): void {
    if (found !== wanted) throw new Error(`${name} has ${what} ${found}, not ${wanted}`);
  }

  /** A node by its names; now and then by the handle that was seen first, which may be older than its name. */
  private async find(name: string): Promise<Node> {
    const known = this.handles.get(this.stat(name)?.ino ?? 0);
    if (known && this.random() < 0.5)
      return await this.nfs.getattr(known.handle).then((node) => node);
    return await this.nfs.lookup(await this.place(name));
  }

  private async place(name: string): Promise<{ readonly dir: Handle; readonly name: string }> {
    const [directory = "", within] = name.split("/");
    if (within === undefined) return { dir: this.root, name };
    const { handle } = await this.nfs.lookup({ dir: this.root, name: directory });
    return { dir: handle, name: within };
  }

  private at(name: string): string {
    return path.join(this.local, name);
  }

  private stat(name: string): fs.Stats | undefined {
    try {
      return fs.lstatSync(this.at(name));
    } catch {
      return undefined;
    }
  }

  private target(name: string): string {
    return fs.readlinkSync(this.at(name));
  }

  private pick(): string {
    const where = this.below(4);
    const name = `n${this.below(NAMES)}`;
    return where === 3 ? name : `d${where}/${name}`;
  }

  /** Mostly one of those that files are made in. */
  private pickDirectory(other: string): string {
    return this.random() < 0.8 ? (DIRECTORIES[this.below(3)] ?? "d0") : other;
  }

  private below(n: number): number {
    return Math.floor(this.random() * n);
  }

  private shuffled<T>(list: readonly T[]): T[] {
    const keys = list.map((item) => ({ item, key: this.random() }));
    return keys.sort((x, y) => x.key - y.key).map(({ item }) => item);
  }
}

async function statusOf(remote: () => Promise<unknown>): Promise<number> {
  try {
    await remote();
    return NfsStat.Ok;
  } catch (error) {
    if (error instanceof NfsError) return error.status;
    throw error;
  }
}

/** A folder with some of the names that an exerciser uses: files of several lengths, two names of one, a symbolic link. */
export function fillForExercise(folder: string): void {
  for (const directory of ["", ...DIRECTORIES.slice(0, 2)]) {
    fs.mkdirSync(path.join(folder, directory), { recursive: true });
    for (let n = 0; n < NAMES; n += 2) {
      const octets = Uint8Array.from({ length: n * n * 700 }, (_, i) => (i * 31 + n) & 255);
      fs.writeFileSync(path.join(folder, directory, `n${n}`), octets, { mode: 0o644 });
    }
  }
  fs.linkSync(path.join(folder, "n4"), path.join(folder, "d0/n5"));
  fs.symlinkSync("../n2", path.join(folder, "d1/n1"));
  fs.chmodSync(folder, 0o755);
}
