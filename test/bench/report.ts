import { ALLOCATION_GATE } from "../support/allocation.ts";
import { GROWTH_LIMIT, type Growth } from "./growth.ts";
import type { CaseResult } from "./runner.ts";

/** One thing that must hold, and whether it did. */
export interface TargetResult {
  readonly text: string;
  readonly met: boolean;
}

/** What goes to the JSON file. */
export interface Report {
  readonly cases: readonly object[];
  readonly growth: readonly Growth[];
  readonly targets: readonly TargetResult[];
}

export function report(results: readonly CaseResult[], growth: readonly Growth[]): Report {
  return {
    cases: results.map(({ bench: { codec, kind, name }, subject, baselines }) => ({
      ...{ codec, kind, name, medianNs: round(subject.medianNs, 1) },
      heapOctets: round(subject.heapOctets, 1),
      baselines: baselines.map((b) => ({
        ...{ name: b.name, medianNs: round(b.medianNs, 1), heapOctets: round(b.heapOctets, 1) },
        ratio: round(b.ratio, 2),
      })),
    })),
    growth,
    targets: targets(results, growth),
  };
}

/** The table: one line for each baseline of each case. */
export function ratioTable(results: readonly CaseResult[]): string {
  const lines = [["codec", "", "what", "ns/op", "heap B", "instead", "ns/op", "heap B", "ratio"]];
  for (const { bench, subject, baselines } of results) {
    for (const b of baselines) {
      lines.push([
        bench.codec,
        bench.kind,
        bench.name,
        subject.medianNs.toFixed(1),
        subject.heapOctets.toFixed(0),
        b.name,
        b.medianNs.toFixed(0),
        b.heapOctets.toFixed(0),
        `${b.ratio.toFixed(1)}x`,
      ]);
    }
  }
  return table(lines, [3, 4, 6, 7, 8]);
}

/** The table of how cost grows. */
export function growthTable(growth: readonly Growth[]): string {
  const lines = [["what", "from", "to", "ns/op", "ns/op", "growth"]];
  for (const g of growth) {
    const ns = [g.fromNs.toFixed(1), g.toNs.toFixed(1)];
    lines.push([g.name, g.from, g.to, ...ns, `${g.factor.toFixed(2)} of linear`]);
  }
  return table(lines, [3, 4]);
}

function targets(results: readonly CaseResult[], growth: readonly Growth[]): TargetResult[] {
  const list: TargetResult[] = [];
  for (const { bench, subject, baselines } of results) {
    const what = `${bench.codec} ${bench.kind} ${bench.name}`;
    const { ratio, medianNs } = bench.target ?? {};
    if (ratio !== undefined) {
      const least = Math.min(...baselines.map((b) => b.ratio));
      list.push({ text: `${what}: ${least.toFixed(1)}x, at least ${ratio}x`, met: least >= ratio });
    }
    if (medianNs !== undefined) {
      const ns = subject.medianNs;
      list.push({ text: `${what}: ${ns.toFixed(1)} ns, below ${medianNs} ns`, met: ns < medianNs });
    }
  }
  const most = Math.max(0, ...results.map(({ subject }) => subject.heapOctets));
  const text = `heap of every operation: at most ${most.toFixed(1)} B, limit ${ALLOCATION_GATE} B`;
  list.push({ text, met: most <= ALLOCATION_GATE });
  for (const g of growth) {
    const grown = `${g.name}, ${g.from} to ${g.to}: ${g.factor.toFixed(2)} of linear`;
    list.push({ text: `${grown}, at most ${GROWTH_LIMIT}`, met: g.factor <= GROWTH_LIMIT });
  }
  return list;
}

/** Columns as wide as their widest cell; those in `right` are numbers. */
export function table(lines: readonly (readonly string[])[], right: readonly number[]): string {
  const widths: number[] = [];
  for (const line of lines) {
    for (const [k, cell] of line.entries()) widths[k] = Math.max(widths[k] ?? 0, cell.length);
  }
  const text = lines.map((line) =>
    line
      .map((cell, k) => {
        const width = widths[k] ?? 0;
        return right.includes(k) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
  return `${text.join("\n")}\n`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
