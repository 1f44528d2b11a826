import { rmSync } from "node:fs";
import { join } from "node:path";
import { openDiskCache } from "../../../agent/assets/cache/disk-cache.ts";
import { ChunkCache } from "../../../agent/assets/chunk-cache.ts";
import { gather } from "../../../agent/assets/content.ts";
import { atLeast, median, type Outcome } from "../outcome.ts";
import { makeFile } from "./files.ts";
import { NET, type Rig } from "./rig.ts";

const SMALL = 4_096;
const CHUNK = 256 * 1024;
const CHUNKS = 64;
const ROUNDS = 3;
const CONNECTIONS = "8";
const ROUND_MS = "1500";
/** Of what nginx answers: it looks at no plan, keeps no journal, and is written in C. */
const LEAST_OF_NGINX = 0.2;
/** A TFTP block of 1 468 octets at a gigabit a second is due every 12 us: a quarter of that may go into finding it. */
const LEAST_CHUNK_READS = 300_000;

/** GETs of a small asset, beside nginx with the same file; and reads of chunks within the process. */
export async function hits(rig: Rig): Promise<Outcome> {
  const digest = makeFile(join(rig.root, "small"), SMALL);
  const store = await rig.nginx(`listen ${NET.agent}:9180;`);
  const state = rig.fresh("state");
  const site = rig.site({ small: `{ url: "${NET.store}/small", sha256: ${digest} }` });
  const agent = rig.agent(site, state);
  await agent.ready();
  await agent.fetched("small");
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const rate = (origin: string): Promise<number> =>
      rig.client<number>("http-hits", origin, "small", CONNECTIONS, ROUND_MS);
    ours.push(await rate(`http://${NET.agent}`));
    theirs.push(await rate(`http://${NET.agent}:9180`));
  }
  await agent.stop();
  await store.stop();
  rmSync(state, { recursive: true });
  const [gets, nginx] = [median(ours), median(theirs)];
  const { warm, coldMBs } = await chunkReads(rig);
  return {
    name: "cache hits",
    figures: { getsPerSecond: gets, nginxPerSecond: nginx, chunkReadsPerSecond: warm, coldMBs },
    targets: [
      atLeast("cache hits over HTTP, of nginx with the file", gets / nginx, LEAST_OF_NGINX),
      atLeast("reads of a block from chunks in memory", warm, LEAST_CHUNK_READS, " a second"),
    ],
  };
}

/** Reads of 1 468 octets from chunks in memory, a second; and octets read from disk and verified. */
async function chunkReads(rig: Rig): Promise<{ readonly warm: number; readonly coldMBs: number }> {
  const state = rig.fresh("state");
  const cache = await openDiskCache({ stateDir: state, limit: 1e9 });
  const ingest = await cache.ingest("chunks");
  await ingest.restart({});
  for (let i = 0; i < CHUNKS; i++) await ingest.write(Buffer.alloc(CHUNK, i));
  const { digest, size } = await (await ingest.finish()).keep();
  const version = {
    ...{ digest, size, sourceDigest: digest, sourceId: "bench", treatment: "", object: {} },
    ...{ mtimeMs: 0, fetchedMs: 0 },
  };
  const open = () => cache.content("chunks", version, new ChunkCache(CHUNK, CHUNKS * CHUNK));
  const cold: number[] = [];
  let content = open();
  for (let round = 0; round < ROUNDS; round++) {
    content = open();
    const began = performance.now();
    for (let i = 0; i < CHUNKS; i++) await content.load(i);
    cold.push(size / (performance.now() - began) / 1_000);
  }
  const out: Uint8Array[] = [];
  const began = performance.now();
  let reads = 0;
  while (performance.now() - began < 500) {
    for (let i = 0; i < 1_000; i++) {
      const at = (reads * 1_468) % (size - 1_468);
      if (gather(content, at, 1_468, out) !== -1) throw new Error("not in memory");
      reads += 1;
    }
  }
  const warm = (reads / (performance.now() - began)) * 1_000;
  await cache.close();
  rmSync(state, { recursive: true });
  return { warm, coldMBs: median(cold) };
}
