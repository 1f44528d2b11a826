import { isRefusal } from "../../../agent/assets/trees/tree.ts";
import type { Prng } from "../prng.ts";
import type { FileOps } from "./file-ops.ts";
import { doStep, randomStep, stepText } from "./file-step.ts";

/** Dates that were set are before this, and compared; those of the clock are not. */
const SET_BEFORE_MS = Date.UTC(2010);
/** Steps that a report tells of. */
const TOLD = 200;

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
  /** Steps so far, and how many of them were not refused. */
  count = 0;
  succeeded = 0;

  constructor(ours: FileOps, model: FileOps, random: Prng) {
    this.ours = ours;
    this.model = model;
    this.random = random;
  }

  async step(): Promise<void> {
    const step = randomStep(this.random);
    const text = stepText(step);
    this.count += 1;
    this.done.push(text);
    if (this.done.length > TOLD) this.done.shift();
    const answer = await doStep(this.model, step);
    if (!isRefusal(answer) || answer === ("done" as string)) this.succeeded += 1;
    this.same(text, await doStep(this.ours, step), answer);
  }

  /** Compares all that there is. */
  async compare(path = ""): Promise<void> {
    const [a, b] = await Promise.all([this.ours.stat(path), this.model.stat(path)]);
    this.same(`stat ${path}`, comparable(a), comparable(b));
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

  private async sameOf(text: string, ask: (files: FileOps) => Promise<unknown>): Promise<void> {
    this.same(text, await ask(this.ours), await ask(this.model));
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
    const before = this.done.join("\n  ");
    throw new Error(`${text}: ${ours}, the model says ${model}. Before:\n  ${before}`);
  }
}

function comparable(facts: Awaited<ReturnType<FileOps["stat"]>>): unknown {
  if (isRefusal(facts)) return facts;
  const { kind, mode, nlink, size, mtimeMs } = facts;
  const date = mtimeMs < SET_BEFORE_MS ? Math.round(mtimeMs) : "now";
  return { kind, mode, nlink, size: kind === "directory" ? 0 : size, date };
}
