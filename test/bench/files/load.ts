import type { FileCase } from "./cases.ts";
import { NET, type NfsWay } from "./servers.ts";

/** What the load generator says of a run. */
export interface LoadResult {
  /** Octets that all clients read and verified. */
  readonly octets: number;
  readonly seconds: number;
  /** Datagrams that came. */
  readonly packets: number;
  /** Datagrams that clients sent again. */
  readonly resent: number;
  /** Blocks and replies that came again. */
  readonly duplicates: number;
  /** Clients that did not get what they asked for. */
  readonly errors: number;
  /** Its own, user and system. */
  readonly cpuSeconds: number;
  /** What the server granted. */
  readonly blksize: number;
  readonly windowsize: number;
}

const FIELDS = [
  "octets",
  "seconds",
  "packets",
  "resent",
  "duplicates",
  "errors",
  "cpuSeconds",
  "blksize",
  "windowsize",
] as const;

/** What `load` is told (`load.c`). */
export function loadArgs(c: FileCase, way: NfsWay): readonly string[] {
  const who = [NET.server, NET.firstClient, String(c.clients)];
  const size = [String(c.octets), String(c.blksize)];
  if (c.kind === "tftp") return ["tftp", ...who, c.file, ...size, String(c.windowsize)];
  const path = way.folder === undefined ? "-" : `${way.folder}/${c.file}`;
  return [`nfs${way.version}`, ...who, path, ...size, String(way.mountPort)];
}

/** Reads the line that `load` prints; throws when it is not one. */
export function parseLoad(line: string): LoadResult {
  const read = JSON.parse(line) as Record<string, unknown>;
  for (const field of FIELDS) {
    if (typeof read[field] !== "number") throw new Error(`load says no ${field}: ${line}`);
  }
  return read as unknown as LoadResult;
}

/** Megabytes a second. */
export function speed({ octets, seconds }: LoadResult): number {
  return octets / seconds / 1e6;
}
