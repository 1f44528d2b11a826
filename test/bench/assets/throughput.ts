import { rmSync } from "node:fs";
import { join } from "node:path";
import { atLeast, median, type Outcome } from "../outcome.ts";
import { makeFile } from "./files.ts";
import { NET, type Rig } from "./rig.ts";

const OCTETS = 1_000_000_000;
const ROUNDS = 3;
const LEAST = 0.8;

/**
 * 1 GB from nginx into the cache, verified and durable, beside curl into a file that is synced. In turns.
 *
 * The agent's time is from the entry that the fetch began to the one that the blob is kept; curl's from its start to the end
 * of fsync.
 */
export async function throughput(rig: Rig): Promise<Outcome> {
  const digest = makeFile(join(rig.root, "big"), OCTETS);
  const store = await rig.nginx();
  const ours: number[] = [];
  const curls: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    curls.push(await byCurl(rig));
    ours.push(await byAgent(rig, digest));
  }
  await store.stop();
  rmSync(join(rig.root, "big"));
  const ratio = median(ours.map((mb, i) => mb / (curls[i] ?? Number.NaN)));
  return {
    name: "throughput",
    figures: { agentMBs: median(ours), curlMBs: median(curls), ratio },
    targets: [atLeast("throughput of a fetch, verified, of curl to disk", ratio, LEAST)],
  };
}

async function byCurl(rig: Rig): Promise<number> {
  const file = rig.fresh("curl");
  const began = performance.now();
  // `sync FILE` is fsync of that file.
  await rig.asGateway("sh", "-c", `curl -sf -o ${file} ${NET.store}/big && sync ${file}`);
  const ms = performance.now() - began;
  rmSync(file);
  return OCTETS / ms / 1_000;
}

async function byAgent(rig: Rig, digest: string): Promise<number> {
  const state = rig.fresh("state");
  const site = rig.site({ big: `{ url: "${NET.store}/big", sha256: ${digest} }` });
  const agent = rig.agent(site, state, "generic-x64");
  await agent.fetched("big");
  const ms = agent.at("big: fetched") - agent.at("big: fetching");
  await agent.stop();
  rmSync(state, { recursive: true });
  return OCTETS / ms / 1_000;
}
