import { loadavg } from "node:os";
import { CASES, type FileCase } from "./cases.ts";
import type { Finding } from "./findings.ts";
import { speed } from "./load.ts";
import type { FileRig, MemoryUse, Run } from "./rig.ts";

/** Medians of so many runs. */
const ROUNDS = 5;

type Say = (line: string) => void;

/**
 * Measures all servers with one case in turns, a short run each: an idle core's wake-up time dominates lockstep, and drifts.
 *
 * The first run of each server warms it up, and one more at the end is for its memory. Each round begins with another server.
 */
export async function measure(c: FileCase, all: readonly FileRig[], say: Say): Promise<Finding[]> {
  const rigs = all.filter(({ server }) => server.kinds.includes(c.kind));
  const began = performance.now();
  for (const rig of rigs) await rig.run(c);
  const runs = new Map<FileRig, Run[]>(rigs.map((rig) => [rig, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const turn = round % rigs.length;
    for (const rig of [...rigs.slice(turn), ...rigs.slice(0, turn)]) {
      runs.get(rig)?.push(await rig.run(c));
    }
  }
  const memory = new Map<FileRig, MemoryUse>();
  for (const rig of rigs) memory.set(rig, await rig.memory(c));
  const seconds = ((performance.now() - began) / 1_000).toFixed(0);
  say(`${c.name} (${seconds} s, load ${loadavg()[0]?.toFixed(1)})`);
  return rigs.flatMap((rig) => {
    const use = memory.get(rig);
    const { name, perClient } = rig.server;
    const of = runs.get(rig) ?? [];
    say(`  ${name}: ${of.map((r) => speed(r).toFixed(0)).join(" ")} MB/s`);
    return use ? [{ case: c, server: name, perClient, runs: of, memory: use }] : [];
  });
}

/** The cases whose name contains a text. */
export function casesNamed(text: string): readonly FileCase[] {
  return CASES.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
}
