import type { TreeRefusal } from "../tree.ts";
import type { LayerWriter } from "./layer-writer.ts";
import type { Survey } from "./name-changes.ts";
import { type NameRecord, type NodeRecord, WHITEOUT } from "./records.ts";

/** The steps that changes of names are made of, within one transaction. */
export class NameEdit {
  readonly nowMs: number = Date.now();
  private readonly writer: LayerWriter;
  private readonly unused: number[];

  /** `unused`: takes the numbers of files that nothing leads to any more. */
  constructor(writer: LayerWriter, unused: number[]) {
    this.writer = writer;
    this.unused = unused;
  }

  /** What is at a place now. */
  at(survey: Survey): { readonly target: number | undefined } | TreeRefusal {
    const above = this.writer.node(survey.place.directory);
    if (!above || above.gone) return "stale";
    if (above.kind !== "directory") return "not-a-directory";
    const id = this.nameOf(survey)?.id;
    return { target: id === WHITEOUT ? undefined : id };
  }

  putName(survey: Survey, id: number): void {
    const { directory, name } = survey.place;
    this.writer.putName(directory, name, { id, hides: this.nameOf(survey)?.hides ?? false });
  }

  /** A name of the lower tree becomes a whiteout. */
  dropName(survey: Survey): void {
    const { directory, name } = survey.place;
    if (this.nameOf(survey)?.hides) {
      this.writer.putName(directory, name, { id: WHITEOUT, hides: true });
    } else this.writer.dropName(directory, name);
  }

  /** Whether a directory has no names; `lower`: those that it has in the lower tree. */
  isEmpty(directory: number, lower: readonly string[]): boolean {
    const whiteouts = new Set<string>();
    for (const [name, { id }] of this.writer.names(directory)) {
      if (id !== WHITEOUT) return false;
      whiteouts.add(name);
    }
    return lower.every((name) => whiteouts.has(name));
  }

  /** One name less leads to the node. A directory is empty, and goes with its whiteouts. */
  takeAway(id: number, record: NodeRecord): void {
    const { writer } = this;
    if (record.kind !== "directory" && record.nlink > 1) {
      writer.putNode(id, { ...record, nlink: record.nlink - 1, ctimeMs: this.nowMs });
      return;
    }
    if (record.kind === "directory") {
      for (const [name] of [...writer.names(id)]) writer.dropName(id, name);
    }
    if (record.data) this.unused.push(id);
    const { kind, parent, lower } = record;
    if (lower === undefined) writer.dropNode(id);
    else writer.putNode(id, { kind, parent, lower, nlink: 0, gone: true });
  }

  /** Something changed in a directory. `more`: subdirectories. */
  touch(directory: number, more: number): void {
    const record = this.writer.node(directory);
    if (!record) return;
    const { nowMs } = this;
    const nlink = record.nlink + more;
    this.writer.putNode(directory, { ...record, nlink, mtimeMs: nowMs, ctimeMs: nowMs });
  }

  private nameOf({ place, lower }: Survey): NameRecord | undefined {
    const record = this.writer.name(place.directory, place.name);
    return record ?? (lower === undefined ? undefined : { id: lower, hides: true });
  }
}
