import {
  isRefusal,
  type NodeChange,
  type NodeKind,
  type NodePlace,
  type TreeRefusal,
} from "../tree.ts";
import type { Layer } from "./layer.ts";
import type { LayerWriter } from "./layer-writer.ts";
import { NameEdit } from "./name-edit.ts";
import { OverlayNodes, type Pin } from "./overlay-nodes.ts";
import { type NodeRecord, ROOT, WHITEOUT } from "./records.ts";
import { refusalOf } from "./refusal-of.ts";

/** Octets of a name, and of a symbolic link's text, at the most. */
const MAX_NAME = 255;
const MAX_TARGET = 4_096;
/** Directories above one another, at the most. */
const MAX_DEPTH = 1_024;
/** A change begins again when another one was faster; that often. */
const MAX_TRIES = 16;
const AGAIN: unique symbol = Symbol("again");

const DEFAULT_MODE: Readonly<Record<NodeKind, number>> = {
  file: 0o644,
  directory: 0o755,
  symlink: 0o777,
  block: 0o600,
  character: 0o600,
  fifo: 0o600,
  socket: 0o600,
};

/** What was found out about a name before the transaction that changes it. */
export interface Survey {
  readonly place: NodePlace;
  /** The overlay's number of what the lower tree has there, whatever the layer says. */
  readonly lower: number | undefined;
  /** What the name leads to; undefined: nothing. */
  readonly target: number | undefined;
  readonly pins: readonly Pin[];
  /** Of a directory that the name leads to: what the lower tree has in it. */
  readonly lowerNames: readonly string[];
}

type Attempt<T> = T | TreeRefusal | typeof AGAIN;

/**
 * Changes of names.
 *
 * What the lower tree has is asked first. All else is looked at and decided within one transaction, and where somebody else has
 * changed the name meanwhile it is asked again: nobody waits for a lock, and no other process is in the way.
 */
export class NameChanges {
  private readonly nodes: OverlayNodes;
  private readonly layer: Layer;

  constructor(nodes: OverlayNodes) {
    this.nodes = nodes;
    this.layer = nodes.layer;
  }

  make(
    place: NodePlace,
    what: { readonly kind: NodeKind; readonly target?: string },
    { mode, uid, gid, atimeMs, mtimeMs }: NodeChange,
  ): Promise<number | TreeRefusal> {
    const { kind, target } = what;
    if (target !== undefined && Buffer.byteLength(target) > MAX_TARGET) {
      return Promise.resolve("name-too-long");
    }
    return this.settled(place, async () => {
      const survey = await this.survey(place, false);
      if (isRefusal(survey)) return survey;
      return this.edit([survey], (edit, writer) => {
        const at = edit.at(survey);
        if (isRefusal(at)) return at;
        if (at.target !== undefined) return "exists";
        if (!this.layer.usage.hasRecords(writer.records, 2)) return "over-quota";
        const id = writer.freshId();
        if (id === undefined) return "no-space";
        const { nowMs } = edit;
        const record: NodeRecord = {
          kind,
          nlink: kind === "directory" ? 0 : 1,
          parent: place.directory,
          mode: mode ?? DEFAULT_MODE[kind],
          uid: uid ?? 0,
          gid: gid ?? 0,
          atimeMs: atimeMs ?? nowMs,
          mtimeMs: mtimeMs ?? nowMs,
          ctimeMs: nowMs,
          ...(target === undefined ? {} : { target }),
        };
        writer.putNode(id, record);
        edit.putName(survey, id);
        edit.touch(place.directory, kind === "directory" ? 1 : 0);
        return id;
      });
    });
  }

  /** Of a directory, or of anything else. */
  remove(place: NodePlace, isDirectory: boolean): Promise<TreeRefusal | undefined> {
    return this.settled(place, async () => {
      const survey = await this.survey(place, true);
      if (isRefusal(survey)) return survey;
      return this.edit([survey], (edit, writer) => {
        const at = edit.at(survey);
        if (isRefusal(at)) return at;
        if (at.target !== survey.target) return AGAIN;
        if (at.target === undefined) return "no-entry";
        const record = writer.node(at.target);
        if (!record) return AGAIN;
        const isOne = record.kind === "directory";
        if (isOne !== isDirectory) return isOne ? "is-a-directory" : "not-a-directory";
        if (isOne && !edit.isEmpty(at.target, survey.lowerNames)) return "not-empty";
        edit.takeAway(at.target, record);
        edit.dropName(survey);
        edit.touch(place.directory, isOne ? -1 : 0);
        return undefined;
      });
    });
  }

  link(id: number, place: NodePlace): Promise<TreeRefusal | undefined> {
    return this.settled(place, async () => {
      const survey = await this.survey(place, false);
      if (isRefusal(survey)) return survey;
      const pins = await this.nodes.pins(id);
      if (isRefusal(pins)) return pins;
      return this.edit([survey], (edit, writer) => {
        OverlayNodes.apply(writer, pins);
        const at = edit.at(survey);
        if (isRefusal(at)) return at;
        const record = writer.node(id);
        if (!record || record.gone) return "stale";
        if (at.target !== undefined) return "exists";
        if (record.kind === "directory") return "not-permitted";
        if (!this.layer.usage.hasRecords(writer.records, 1)) return "over-quota";
        writer.putNode(id, { ...record, nlink: record.nlink + 1, ctimeMs: edit.nowMs });
        edit.putName(survey, id);
        edit.touch(place.directory, 0);
        return undefined;
      });
    });
  }

  rename(from: NodePlace, to: NodePlace): Promise<TreeRefusal | undefined> {
    return this.settled(to, async () => {
      const source = await this.survey(from, true);
      if (isRefusal(source)) return source;
      const goal = await this.survey(to, true);
      if (isRefusal(goal)) return goal;
      return this.edit([source, goal], (edit, writer) => {
        const a = edit.at(source);
        const b = edit.at(goal);
        if (isRefusal(a)) return a;
        if (isRefusal(b)) return b;
        if (a.target !== source.target || b.target !== goal.target) return AGAIN;
        if (a.target === undefined) return "no-entry";
        // Two names of one file: POSIX has both of them stay.
        if (a.target === b.target) return undefined;
        const moved = writer.node(a.target);
        const replaced = b.target === undefined ? undefined : writer.node(b.target);
        if (!moved || (b.target !== undefined && !replaced)) return AGAIN;
        const isDirectory = moved.kind === "directory";
        if (isDirectory && isBelow(writer, to.directory, a.target)) return "not-permitted";
        if (b.target !== undefined && replaced) {
          const isOne = replaced.kind === "directory";
          if (isOne !== isDirectory) return isOne ? "is-a-directory" : "not-a-directory";
          if (isOne && !edit.isEmpty(b.target, goal.lowerNames)) return "not-empty";
          edit.takeAway(b.target, replaced);
        }
        edit.dropName(source);
        edit.putName(goal, a.target);
        writer.putNode(a.target, { ...moved, parent: to.directory, ctimeMs: edit.nowMs });
        edit.touch(from.directory, isDirectory ? -1 : 0);
        edit.touch(to.directory, isDirectory && !replaced ? 1 : 0);
        return undefined;
      });
    });
  }

  /** `withTarget`: what the name leads to is going to be changed as well. */
  private async survey(place: NodePlace, withTarget: boolean): Promise<Survey | TreeRefusal> {
    const { nodes, layer } = this;
    const { directory, name } = place;
    const above = nodes.find(directory);
    if (above === "stale") return "stale";
    const pins = await nodes.pins(directory);
    if (isRefusal(pins)) return pins;
    const kind = (above.record ?? pins[0]?.record)?.kind;
    if (kind !== "directory") return "not-a-directory";
    const record = layer.name(directory, name);
    const found =
      record || above.lower === undefined ? undefined : await nodes.lowerAt(above, name);
    if (isRefusal(found) && found !== "no-entry") return found;
    const lower = isRefusal(found) ? undefined : found;
    const there = record ? record.id : lower;
    const target = there === WHITEOUT ? undefined : there;
    const survey = { place, lower, target, pins, lowerNames: [] };
    return withTarget && target !== undefined ? this.surveyTarget(survey, target) : survey;
  }

  private async surveyTarget(survey: Survey, target: number): Promise<Survey | TreeRefusal> {
    const { nodes } = this;
    const node = nodes.find(target);
    const own = await nodes.pins(target);
    // It was removed since: the transaction sees another target, and we begin again.
    if (node === "stale" || isRefusal(own)) return survey;
    const pins = [...survey.pins, ...own];
    const record = node.record ?? own[0]?.record;
    if (record?.kind !== "directory" || node.lower === undefined) return { ...survey, pins };
    const lowerNames = await nodes.lowerNames(node);
    return isRefusal(lowerNames) ? lowerNames : { ...survey, pins, lowerNames };
  }

  /** Runs `work` in a transaction; files that nothing leads to any more are removed after it. */
  private async edit<T>(
    surveys: readonly Survey[],
    work: (edit: NameEdit, writer: LayerWriter) => Attempt<T>,
  ): Promise<Attempt<T>> {
    const unused: number[] = [];
    const done = await this.layer.change((writer): { readonly result: Attempt<T> } => {
      for (const { pins } of surveys) OverlayNodes.apply(writer, pins);
      return { result: work(new NameEdit(writer, unused), writer) };
    });
    const { files } = this.layer;
    for (const id of unused) await files.remove(id);
    return done ? done.result : "stale";
  }

  private async settled<T>(
    { name }: NodePlace,
    attempt: () => Promise<Attempt<T>>,
  ): Promise<T | TreeRefusal> {
    if (Buffer.byteLength(name) > MAX_NAME) return "name-too-long";
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return "not-permitted";
    try {
      return await this.layer.work(async () => {
        for (let i = 0; i < MAX_TRIES; i++) {
          const result = await attempt();
          if (result !== AGAIN) return result as T | TreeRefusal;
        }
        return "io";
      });
    } catch (error) {
      return refusalOf(error);
    }
  }
}

/** Whether a directory is another one, or somewhere below it. */
function isBelow(writer: LayerWriter, directory: number, other: number): boolean {
  for (let at = directory, depth = 0; depth < MAX_DEPTH; depth++) {
    if (at === other) return true;
    if (at === ROOT) return false;
    const record = writer.node(at);
    if (!record) return false;
    at = record.parent;
  }
  return true;
}
