import { XdrCursor, XdrWriter, xdrPadded } from "../sunrpc/xdr.ts";
import { textLen } from "../sunrpc/xdr-text.ts";
import type { Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { MOUNT_NAME_MAX, MOUNT_PATH_MAX } from "./messages.ts";

// RFC 1094 appendix A.4 and A.5: linked lists, in which a word of 1 goes before each item and a word of 0 ends the list.
// Every item takes octets, so a walk ends where the octets do. `reset` walks the whole list; after Status.Ok the second
// walk by `next` cannot fail.

const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of the result of DUMP: who has mounted what. Call `next` before each item. */
export class MountDumpView {
  private readonly walk: XdrCursor = new XdrCursor();
  private items = 0;
  private host = 0;
  private hostOctets = 0;
  private dir = 0;
  private dirOctets = 0;
  /** False after the last item: octets behind the list are not another one. */
  private inList = false;

  reset(o: Octets, at: number, len: number): Status {
    this.begin(o, at, len);
    this.items = 0;
    while (this.next()) this.items += 1;
    const { status } = this.walk;
    this.begin(o, at, len);
    return status;
  }
  get count(): number {
    return this.items;
  }
  /** Steps to the next item; false after the last, however often it is called. */
  next(): boolean {
    const c = this.walk;
    this.inList = this.inList && c.bool();
    this.host = this.inList ? c.opaqueVar(MOUNT_NAME_MAX) : 0;
    this.hostOctets = this.inList ? c.len : 0;
    this.dir = this.inList ? c.opaqueVar(MOUNT_PATH_MAX) : 0;
    this.dirOctets = this.inList ? c.len : 0;
    if (c.status !== Status.Ok) this.inList = false;
    return this.inList;
  }
  get hostAt(): number {
    return this.host;
  }
  get hostLen(): number {
    return this.hostOctets;
  }
  get directoryAt(): number {
    return this.dir;
  }
  get directoryLen(): number {
    return this.dirOctets;
  }

  private begin(o: Octets, at: number, len: number): void {
    this.walk.reset(o, at, len);
    this.inList = true;
  }
}

/** One mount: a client's name and the path that it mounted. */
export interface MountEntry {
  readonly host: string;
  readonly directory: string;
}

/** Writes the result of DUMP in at most `limit` octets (4 at least): mounts that do not fit are left out. */
export function emitMountDump(
  entries: readonly MountEntry[],
  limit: number,
  o: Octets,
  at: number,
): number {
  const w = writer.begin(o, at);
  const end = at + limit - 4;
  for (const { host, directory } of entries) {
    if (w.at + 4 + stringLen(host) + stringLen(directory) > end) break;
    w.bool(true).string(host).string(directory);
  }
  return w.bool(false).at - at;
}

/**
 * Re-pointable view of the result of EXPORT: what may be mounted by whom. Call `next` before each export, and `nextGroup`
 * before each of its groups. No group means that everyone may.
 */
export class MountExportView {
  private readonly walk: XdrCursor = new XdrCursor();
  private items = 0;
  private dir = 0;
  private dirOctets = 0;
  private group = 0;
  private groupOctets = 0;
  private inList = false;
  private inGroups = false;

  reset(o: Octets, at: number, len: number): Status {
    this.begin(o, at, len);
    this.items = 0;
    while (this.next()) this.items += 1;
    const { status } = this.walk;
    this.begin(o, at, len);
    return status;
  }
  get count(): number {
    return this.items;
  }
  /** Steps to the next export, over groups that were not asked for; false after the last, however often it is called. */
  next(): boolean {
    const c = this.walk;
    while (this.nextGroup());
    this.inList = this.inList && c.bool();
    this.dir = this.inList ? c.opaqueVar(MOUNT_PATH_MAX) : 0;
    this.dirOctets = this.inList ? c.len : 0;
    if (c.status !== Status.Ok) this.inList = false;
    this.inGroups = this.inList;
    return this.inList;
  }
  /** Steps to the next group of this export; false after the last. */
  nextGroup(): boolean {
    const c = this.walk;
    this.inGroups = this.inGroups && c.bool();
    this.group = this.inGroups ? c.opaqueVar(MOUNT_NAME_MAX) : 0;
    this.groupOctets = this.inGroups ? c.len : 0;
    if (c.status !== Status.Ok) this.inGroups = false;
    return this.inGroups;
  }
  get directoryAt(): number {
    return this.dir;
  }
  get directoryLen(): number {
    return this.dirOctets;
  }
  get groupAt(): number {
    return this.group;
  }
  get groupLen(): number {
    return this.groupOctets;
  }

  private begin(o: Octets, at: number, len: number): void {
    this.walk.reset(o, at, len);
    this.inList = true;
    this.inGroups = false;
  }
}

/** One export: a path, and the hosts or groups that may mount it (none: everyone). */
export interface ExportEntry {
  readonly directory: string;
  readonly groups: readonly string[];
}

/** Writes the result of EXPORT in at most `limit` octets (4 at least): exports that do not fit are left out. */
export function emitMountExport(
  entries: readonly ExportEntry[],
  limit: number,
  o: Octets,
  at: number,
): number {
  const w = writer.begin(o, at);
  const end = at + limit - 4;
  for (const { directory, groups } of entries) {
    let need = 4 + stringLen(directory) + 4;
    for (const group of groups) need += 4 + stringLen(group);
    if (w.at + need > end) break;
    w.bool(true).string(directory);
    for (const group of groups) w.bool(true).string(group);
    w.bool(false);
  }
  return w.bool(false).at - at;
}

function stringLen(text: string): number {
  return 4 + xdrPadded(textLen(text));
}
