import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import type { Outcome } from "../outcome.ts";
import { firstByte } from "./first-byte.ts";
import { hits } from "./hits.ts";
import { memory } from "./memory.ts";
import { Rig } from "./rig.ts";
import { start } from "./start.ts";
import { throughput } from "./throughput.ts";

// `make bench-assets`: the agent as it is installed against nginx and curl. Fails when a target is missed.

const OUTPUT = "test-output/bench-assets.json";
const BENCHES: Readonly<Record<string, (rig: Rig) => Promise<Outcome>>> = {
  throughput,
  memory,
  "first byte": firstByte,
  "cache hits": hits,
  start,
};

const only = process.argv[2] ?? "";
const outcomes: Outcome[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (!name.includes(only)) continue;
  const began = performance.now();
  const rig = await Rig.create();
  try {
    const outcome = await bench(rig);
    outcomes.push(outcome);
    const seconds = ((performance.now() - began) / 1_000).toFixed(0);
    process.stdout.write(`${name} (${seconds} s, load ${loadavg()[0]?.toFixed(1)})\n`);
    for (const [what, figure] of Object.entries(outcome.figures)) {
      process.stdout.write(`  ${what.padEnd(20)} ${figure.toFixed(figure < 10 ? 2 : 0)}\n`);
    }
    for (const { text, met } of outcome.targets) {
      process.stdout.write(`${met ? "met   " : "MISSED"} ${text}\n`);
    }
  } finally {
    await rig.close();
  }
}

mkdirSync("test-output", { recursive: true });
const machine = { node: process.version, arch: process.arch, cpu: cpus()[0]?.model ?? "unknown" };
writeFileSync(OUTPUT, `${JSON.stringify({ machine, load: loadavg(), outcomes }, undefined, 2)}\n`);
process.stdout.write(`\n${OUTPUT}\n`);
process.exitCode = outcomes.every((o) => o.targets.every(({ met }) => met)) ? 0 : 1;
