import { isRefusal } from "../../../agent/assets/trees/tree.ts";
import type { Prng } from "../prng.ts";
import type { Done, FileOps } from "./file-ops.ts";

const NAMES = ["a", "b", "c", "d", "Ä ö", "x".repeat(255)];
const DEPTH = 3;
const MAX_SIZE = 100_000;
/** Dates that were set are before this, and compared; those of the clock are not. */
const SET_BEFORE_MS = Date.UTC(2010);

/** One thing to do, with what it is called in a report. */
interface Step {
  readonly text: string;
  readonly run: (files: FileOps) => Promise<unknown>;
}

/**
 * Does the same at random to two implementations, and throws when they differ: in an answer, or in what there is afterwards.
 *
 * In the manner of fsx: what it does is decided by `random` alone, so that a difference is found again by its seed.
 */
export class FileExerciser {
  private readonly ours: FileOps;
  private readonly model: FileOps;
  private readonly random: Prng;
  private readonly done: string[] = [];
  /** Operations so far. */
  count = 0;

  constructor(ours: FileOps, model: FileOps, random: Prng) {
    this.ours = ours;
    this.model = model;
    this.random = random;
  }

  async step(): Promise<void> {
    const { text, run } = this.choose();
    this.count += 1;
    this.done.push(text);
    if (this.done.length > 200) this.done.shift();
    this.same(text, await run(this.ours), await run(this.model));
  }

  /** Compares all that there is. */
  async compare(path = ""): Promise<void> {
    const [a, b] = await Promise.all([this.ours.stat(path), this.model.stat(path)]);
    this.same(`stat ${path}`, this.comparable(a), this.comparable(b));
    if (isRefusal(b)) return;
    if (b.kind === "symlink") {
      await this.sameOf(`readlink ${path}`, (files) => files.readlink(path));
    } else if (b.kind === "file") {
      await this.sameOf(`read ${path}`, (files) => files.read(path, 0, b.size + 10));
    } else {
      await this.sameOf(`list ${path}`, (files) => files.list(path));
      const names = await this.model.list(path);
      if (isRefusal(names)) return;
      for (const name of names) await this.compare(path === "" ? name : `${path}/${name}`);
    }
  }

  private choose(): Step {
    const path = this.path();
    const other = this.path();
    const mode = 0o600 + this.below(0o200);
    switch (this.below(22)) {
      case 0:
      case 1:
      case 2:
        return step(`create ${path}`, (f) => f.create(path, mode));
      case 3:
      case 4:
      case 5:
      case 6: {
        const at = this.offset();
        const octets = new Uint8Array(this.below(20_000)).fill(1 + this.below(255));
        return step(`write ${path} ${at}+${octets.length}`, (f) => f.write(path, at, octets));
      }
      case 7: {
        const size = this.offset();
        return step(`truncate ${path} ${size}`, (f) => f.truncate(path, size));
      }
      case 8:
        return step(`chmod ${path} ${mode.toString(8)}`, (f) => f.setMode(path, mode));
      case 9: {
        const at = Date.UTC(2000) + this.below(1_000_000) * 1000;
        return step(`utimes ${path} ${at}`, (f) => f.setMtime(path, at));
      }
      case 10:
      case 11:
        return step(`mkdir ${path}`, (f) => f.mkdir(path, 0o700 + this.below(1)));
      case 12:
        return step(`rmdir ${path}`, (f) => f.rmdir(path));
      case 13:
      case 14:
        return step(`remove ${path}`, (f) => f.remove(path));
      case 15:
      case 16:
      case 17:
        return twoPaths(`rename ${path} ${other}`, (f) => f.rename(path, other));
      case 18:
        return twoPaths(`link ${path} ${other}`, (f) => f.link(path, other));
      case 19:
        return step(`symlink ${path}`, (f) => f.symlink(path, other));
      case 20:
        return step(`list ${path}`, (f) => f.list(path));
      default: {
        const at = this.offset();
        return step(`read ${path} ${at}`, (f) => f.read(path, at, 8_192));
      }
    }
  }

  private below(n: number): number {
    return Math.floor(this.random() * n);
  }

  private path(): string {
    const parts = Array.from(
      { length: 1 + this.below(DEPTH) },
      () => NAMES[this.below(NAMES.length)],
    );
    return parts.join("/");
  }

  /** Half of them where blocks begin. */
  private offset(): number {
    const at = this.below(MAX_SIZE);
    return this.random() < 0.5 ? at : at - (at % 4_096);
  }

  private async sameOf(text: string, ask: (files: FileOps) => Promise<unknown>): Promise<void> {
    this.same(text, await ask(this.ours), await ask(this.model));
  }

  private comparable(facts: Awaited<ReturnType<FileOps["stat"]>>): unknown {
    if (isRefusal(facts)) return facts;
    const { kind, mode, nlink, size, mtimeMs } = facts;
    const date = mtimeMs < SET_BEFORE_MS ? Math.round(mtimeMs) : "now";
    return { kind, mode, nlink, size: kind === "directory" ? 0 : size, date };
  }

  private same(text: string, ours: unknown, model: unknown): void {
    if (ours instanceof Uint8Array && model instanceof Uint8Array) {
      if (Buffer.compare(ours, model) === 0) return;
      const at = ours.findIndex((octet, i) => octet !== model[i]);
      this.fail(text, `${ours.length} octets, other from ${at} on`, `${model.length} octets`);
    } else if (JSON.stringify(ours) !== JSON.stringify(model)) {
      this.fail(text, JSON.stringify(ours), JSON.stringify(model));
    }
  }

  private fail(text: string, ours: string, model: string): never {
    const last = this.done.map((line) => line.replaceAll("x".repeat(255), "XX")).join("\n  ");
    throw new Error(`${text}: ${ours}, the model says ${model}. Before:\n  ${last}`);
  }
}

function step(text: string, run: Step["run"]): Step {
  return { text, run };
}

/** Of two paths that are both wrong, either may be complained of. */
function twoPaths(text: string, run: (files: FileOps) => Done): Step {
  return { text, run: async (files) => ((await run(files)) === undefined ? "done" : "refused") };
}
