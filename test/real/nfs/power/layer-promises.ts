import path from "node:path";
import { isRefusal } from "../../../../agent/assets/trees/tree.ts";
import { doStep, type FileStep, stepText } from "../../../support/file-ops/file-step.ts";
import { LocalFiles } from "../../../support/file-ops/local-files.ts";
import { copyRoot } from "../../../support/file-ops/lower-root.ts";
import {
  differences,
  type Facts,
  factsOf,
  factsSaid,
  factsText,
  PAGE,
  pageDigest,
  type TreeFacts,
} from "./tree-facts.ts";

/** Steps that may be done and whose word did not leave the guest before it was cut off. */
const UNHEARD = 100;
/** Differences that an error tells of. */
const TOLD = 5;

/** What a machine was answered by agents that were cut off, done to a local directory, and whether it is what there is. */
export class LayerPromises {
  /** Steps that were answered. */
  answered = 0;
  private readonly machine: string;
  private readonly files: LocalFiles;
  /** Steps that nobody was told of: none, or some of them are done. */
  private unheard: readonly FileStep[] = [];

  private constructor(machine: string, files: LocalFiles) {
    this.machine = machine;
    this.files = files;
  }

  /** `dir`: takes the copy of `lower` that the steps are done to. */
  static async make(machine: string, lower: string, dir: string): Promise<LayerPromises> {
    const copy = path.join(dir, machine);
    await copyRoot(lower, copy);
    return new LayerPromises(machine, new LocalFiles(copy));
  }

  /** Takes the lines of one run, which did `steps`. Returns what is broken of what was answered before, in words. */
  async run(lines: readonly string[], steps: readonly FileStep[]): Promise<readonly string[]> {
    const checked = lines.indexOf("CHECK OK");
    const broken = await this.meet(factsSaid(lines.slice(0, checked), this.machine));
    if (broken.length > 0) return broken;
    const did = lines.filter((line) => line.startsWith(`did ${this.machine} `)).length;
    for (const step of steps.slice(0, did)) await doStep(this.files, step);
    this.answered += did;
    this.unheard = steps.slice(did, did + UNHEARD);
    return broken;
  }

  /** Makes the directory what was found, where that may be. */
  private async meet(found: TreeFacts): Promise<readonly string[]> {
    const first = await this.differences(found);
    if (first.length === 0) return [];
    for (const step of this.unheard) {
      if (step.op === "write" && (await this.tear(found, step))) return [];
      await doStep(this.files, step);
      if ((await this.differences(found)).length === 0) return [];
    }
    const next = this.unheard[0];
    return [`${this.machine}, next ${next ? stepText(next) : "nothing"}`, ...first.slice(0, TOLD)];
  }

  private async differences(found: TreeFacts): Promise<readonly string[]> {
    const model = await factsOf(this.files);
    return differences(found, model).map((at) => {
      const [is, was] = [found.get(at), model.get(at)].map(factsText);
      return `"${at}" is ${is}; answered was ${was}`;
    });
  }

  /** Of a write that was cut off, some pages may be there. Undoes what it tried if that is not what was found. */
  private async tear(found: TreeFacts, step: FileStep & { op: "write" }): Promise<boolean> {
    const { files } = this;
    const facts = found.get(step.path);
    const before = await this.read(step.path);
    if (!facts || !before) return false;
    await doStep(files, step);
    const after = await this.read(step.path);
    const torn = after && tornOf(facts, before, after);
    if (torn) await this.replace(step.path, torn);
    if (torn && (await this.differences(found)).length === 0) return true;
    await this.replace(step.path, before);
    return false;
  }

  private async read(at: string): Promise<Uint8Array | undefined> {
    const stat = await this.files.stat(at);
    if (isRefusal(stat) || stat.kind !== "file") return undefined;
    const octets = await this.files.read(at, 0, stat.size);
    return isRefusal(octets) ? undefined : octets;
  }

  private async replace(at: string, octets: Uint8Array): Promise<void> {
    await this.files.truncate(at, octets.length);
    await this.files.write(at, 0, octets);
  }
}

/** The octets that were found, of pages from before and after a write; undefined: they are neither. */
function tornOf(found: Facts, before: Uint8Array, after: Uint8Array): Uint8Array | undefined {
  if (found.size < before.length || found.size > after.length) return undefined;
  const torn = new Uint8Array(found.size);
  for (let at = 0, i = 0; at < found.size; at += PAGE, i++) {
    const page = [before, after]
      .map((octets) => octets.subarray(at, Math.min(found.size, at + PAGE)))
      .find((octets) => pageDigest(octets) === found.content[i]);
    if (!page) return undefined;
    torn.set(page, at);
  }
  return torn;
}
