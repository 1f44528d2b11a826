import { atLeast, below, median, type Outcome } from "../outcome.ts";
import { table } from "../report.ts";
import type { FileCase } from "./cases.ts";
import { speed } from "./load.ts";
import type { MemoryUse, Run } from "./rig.ts";
import { type FileServer, LIMIT, OURS } from "./servers.ts";

/** What was found of one server with one case. */
export interface Finding {
  readonly case: FileCase;
  readonly server: string;
  readonly perClient: FileServer["perClient"];
  readonly runs: readonly Run[];
  readonly memory: MemoryUse;
}

/** The servers whose TFTP is compared with ours. */
export const PEERS: readonly string[] = ["tftpd-hpa", "atftpd", "dnsmasq"];

const OF_BEST = 1;
const OF_BEST_WINDOWED = 1.3;
const OF_LIMIT_TFTP = 0.8;
const OF_LIMIT_NFS = 0.7;
const OF_LIMIT_NFS_MANY = 0.5;

/** One line for each server and case. */
export function findingsTable(findings: readonly Finding[]): string {
  const lines = [
    ["", "", "", "of", "server", "client", "", "sent", "PSS", "PSS", "RSS"],
    ["case", "server", "MB/s", "limit", "s/GB", "s/GB", "window", "again", "before", "MiB", "MiB"],
  ];
  let last: FileCase | undefined;
  for (const f of findings) {
    const limit = findOf(findings, f.case, LIMIT);
    const again = f.runs.reduce((n, r) => n + r.resent + r.duplicates, 0);
    const errors = errorsOf(f);
    lines.push([
      f.case === last ? "" : f.case.name,
      f.server,
      median(f.runs.map(speed)).toFixed(1),
      limit ? ratio(f, limit).toFixed(2) : "",
      median(f.runs.map((r) => (r.serverCpuSeconds / r.octets) * 1e9)).toFixed(1),
      median(f.runs.map((r) => (r.cpuSeconds / r.octets) * 1e9)).toFixed(1),
      String(f.runs[0]?.windowsize ?? ""),
      errors > 0 ? `${again}, ${errors} failed` : String(again),
      f.memory.before.pss.toFixed(1),
      f.memory.most.pss.toFixed(1),
      f.memory.most.rss.toFixed(1),
    ]);
    last = f.case;
  }
  return table(lines, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

/** What must hold of ours, as far as what it is compared with was measured. */
export function fileTargets(findings: readonly Finding[]): Outcome["targets"] {
  return findings.filter((f) => f.server === OURS).flatMap((ours) => targetsOf(ours, findings));
}

function targetsOf(ours: Finding, findings: readonly Finding[]): Outcome["targets"] {
  const c = ours.case;
  const targets: Outcome["targets"][number][] = [];
  const limit = findOf(findings, c, LIMIT);
  const peers = findings.filter((f) => f.case === c && PEERS.includes(f.server));
  const best = peers.sort((a, b) => median(b.runs.map(speed)) - median(a.runs.map(speed)))[0];
  if (best) {
    const least = c.windowsize > 1 ? OF_BEST_WINDOWED : OF_BEST;
    targets.push(atLeast(`${c.name}, of the best (${best.server})`, ratio(ours, best), least));
  }
  const least = leastOfLimit(c);
  if (limit && least !== undefined) {
    targets.push(atLeast(`${c.name}, of the limit`, ratio(ours, limit), least));
  }
  for (const peer of peers) {
    if (!peer.perClient || c.clients === 1) continue;
    const what = `${c.name}, memory for them, beside a ${peer.perClient} for each (${peer.server})`;
    targets.push(below(what, added(ours), round(added(peer)), " MiB"));
  }
  targets.push(below(`${c.name}, clients that did not get their file`, errorsOf(ours), 1));
  return targets;
}

/** What share of the limit ours must reach; undefined: none is asked for. */
function leastOfLimit(c: FileCase): number | undefined {
  if (c.kind === "nfs") return c.clients === 1 ? OF_LIMIT_NFS : OF_LIMIT_NFS_MANY;
  return c.clients === 1 && c.windowsize === 1 ? OF_LIMIT_TFTP : undefined;
}

/** The median of the ratios of runs that followed each other. */
function ratio(a: Finding, b: Finding): number {
  return median(
    a.runs.map((run, i) => {
      const other = b.runs[i];
      return other ? speed(run) / speed(other) : Number.NaN;
    }),
  );
}

function findOf(findings: readonly Finding[], c: FileCase, server: string): Finding | undefined {
  return findings.find((f) => f.case === c && f.server === server);
}

/** What clients cost, MiB: each process for its own part of what it shares. */
function added({ memory }: Finding): number {
  return memory.most.pss - memory.before.pss;
}

function errorsOf({ runs }: Finding): number {
  return runs.reduce((n, r) => n + r.errors, 0);
}

function round(mib: number): number {
  return Number(mib.toFixed(2));
}
