import { atLeast, below, type Outcome } from "../outcome.ts";
import { table } from "../report.ts";
import type { Capacity, Delays, ExchangeDelays, Memory } from "./measure.ts";

/** What was found of one server. `delays` and `memory` are missing when it holds no rate at all. */
export interface Finding {
  readonly server: string;
  readonly capacity: Capacity;
  readonly delays: ExchangeDelays | undefined;
  readonly memory: Memory | undefined;
}

const OURS = "pilotlight";
const KEA = "kea";
const DNSMASQ = "dnsmasq";

const OF_KEA = 1;
const OF_DNSMASQ = 10;
const P99_MS = 5;
/** Room for the collector's moods: growth beyond that is a leak. */
const GROWTH = 1.1;

/** One line for each server. */
export function findingsTable(findings: readonly Finding[]): string {
  const ours = findings.find((f) => f.server === OURS)?.capacity.perSecond;
  const lines = [
    [
      "",
      "holds",
      "",
      "ours is",
      "OFFER",
      "p50",
      "p99",
      "ACK",
      "p50",
      "p99",
      "ready",
      "start",
      "end",
    ],
    ["server", "1/s", "limit", "times", "ms", "ms", "ms", "ms", "ms", "ms", "MiB", "MiB", "MiB"],
  ];
  for (const { server, capacity, delays, memory } of findings) {
    const { perSecond, bound } = capacity;
    const ratio = ours === undefined ? "" : (ours / perSecond).toFixed(2);
    const mib = memory ? [memory.ready, memory.start, memory.end] : [];
    lines.push([
      ...[server, String(perSecond), bound === "server" ? "" : bound, ratio],
      ...(delays ? [...cells(delays.offer), ...cells(delays.ack)] : Array<string>(6).fill("")),
      ...mib.map((m) => m.toFixed(0)),
    ]);
  }
  return table(lines, [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
}

/** What must hold of ours, as far as the servers that it is compared with were measured. */
export function dhcpTargets(findings: readonly Finding[]): Outcome["targets"] {
  const ours = findings.find((f) => f.server === OURS);
  if (!ours) return [];
  const rate = ours.capacity.perSecond;
  const best = (peer: string): number =>
    Math.max(
      0,
      ...findings.filter((f) => f.server.startsWith(peer)).map((f) => f.capacity.perSecond),
    );
  const targets: Outcome["targets"][number][] = [];
  if (best(KEA) > 0) {
    targets.push(atLeast("rate, of the faster Kea's", rate / best(KEA), OF_KEA));
  }
  if (best(DNSMASQ) > 0) {
    targets.push(atLeast("rate, of dnsmasq's", rate / best(DNSMASQ), OF_DNSMASQ));
  }
  const { delays, memory } = ours;
  const p99 = delays ? Math.max(delays.offer.p99, delays.ack.p99) : Number.NaN;
  targets.push(below("p99 at half of that, OFFER or ACK", p99, P99_MS, " ms"));
  const growth = memory ? memory.end / memory.start : Number.NaN;
  targets.push(below("resident memory at the end, of that at the start", growth, GROWTH));
  return targets;
}

function cells({ average, p50, p99 }: Delays): readonly string[] {
  return [average, p50, p99].map((ms) => ms.toFixed(2));
}
