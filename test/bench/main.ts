import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { silenceUnknownOptions } from "./baseline/packages.ts";
import { BOOT_CASES } from "./cases/boot.ts";
import { LINK_CASES } from "./cases/link.ts";
import { NFS_CASES } from "./cases/nfs.ts";
import { RPC_CASES } from "./cases/rpc.ts";
import { growth } from "./growth.ts";
import { growthTable, ratioTable, report } from "./report.ts";
import { measure, sunk, warmUp } from "./runner.ts";

// `make bench`: measures every codec, prints the tables, writes test-output/bench.json, fails when a target is missed.

const OUTPUT = "test-output/bench.json";
const only = process.argv[2];
const all = [...LINK_CASES, ...BOOT_CASES, ...RPC_CASES, ...NFS_CASES];
const cases = all.filter((c) => `${c.codec} ${c.kind} ${c.name}`.includes(only ?? ""));

silenceUnknownOptions();
warmUp(all);
const results = cases.map(measure);
const growths = only === undefined ? growth() : [];
const whole = report(results, growths);

mkdirSync("test-output", { recursive: true });
const machine = { node: process.version, arch: process.arch, cpu: cpus()[0]?.model ?? "unknown" };
writeFileSync(OUTPUT, `${JSON.stringify({ machine, ...whole, sink: sunk() }, undefined, 2)}\n`);
process.stdout.write(`${ratioTable(results)}\n`);
if (growths.length > 0) process.stdout.write(`${growthTable(growths)}\n`);
for (const { text, met } of whole.targets) {
  process.stdout.write(`${met ? "met   " : "MISSED"} ${text}\n`);
}
process.stdout.write(`\n${OUTPUT}\n`);
process.exitCode = whole.targets.every(({ met }) => met) ? 0 : 1;
