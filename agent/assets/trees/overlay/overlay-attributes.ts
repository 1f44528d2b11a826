import type { Stats } from "node:fs";
import type { NodeAttributes } from "../tree.ts";
import type { NodeRecord } from "./records.ts";

/** What most file systems say of a small directory. */
const DIRECTORY_SIZE = 512;
const DEFAULT_MODE: Readonly<Record<NodeAttributes["kind"], number>> = {
  file: 0o644,
  directory: 0o755,
  symlink: 0o777,
  block: 0o600,
  character: 0o600,
  fifo: 0o600,
  socket: 0o600,
};

/**
 * What a node is, of what the layer says (`record`), the lower tree has (`lower`), and the file with its octets (`stat`).
 * Absent is what there is none of.
 */
export function mergedAttributes(
  record: NodeRecord,
  lower: NodeAttributes | undefined,
  stat: Stats | undefined,
): NodeAttributes {
  const { kind } = record;
  const ctimeMs = record.ctimeMs ?? lower?.ctimeMs ?? 0;
  return {
    kind,
    mode: record.mode ?? lower?.mode ?? DEFAULT_MODE[kind],
    nlink: kind === "directory" ? Math.max(2, (lower?.nlink ?? 2) + record.nlink) : record.nlink,
    uid: record.uid ?? lower?.uid ?? 0,
    gid: record.gid ?? lower?.gid ?? 0,
    size: sizeOf(record, lower, stat),
    atimeMs: stat?.atimeMs ?? record.atimeMs ?? lower?.atimeMs ?? 0,
    mtimeMs: stat?.mtimeMs ?? record.mtimeMs ?? lower?.mtimeMs ?? 0,
    ctimeMs: stat ? Math.max(ctimeMs, stat.ctimeMs) : ctimeMs,
    ...(lower?.rdev === undefined ? {} : { rdev: lower.rdev }),
  };
}

function sizeOf(
  { kind, target }: NodeRecord,
  lower: NodeAttributes | undefined,
  stat: Stats | undefined,
): number {
  if (kind === "directory") return lower?.size ?? DIRECTORY_SIZE;
  if (target !== undefined) return Buffer.byteLength(target);
  return stat?.size ?? lower?.size ?? 0;
}
