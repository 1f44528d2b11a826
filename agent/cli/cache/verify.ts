import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import { recordsOf, servedVersion, shortDigest } from "../../assets/cache/named-version.ts";
import type { AssetRecord } from "../../assets/cache/records.ts";
import { octetsText } from "../../log/timeline.ts";
import { wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { barLine, LiveLines } from "../progress-bar.ts";
import { count } from "../words.ts";
import { type CacheContext, type CacheOptions, FAILED, withCache } from "./context.ts";

/** A blob is read in pieces of so many octets. */
const PIECE_LEN = 256 * 1024;

/** One blob and who needs it. */
interface Blob {
  readonly digest: string;
  readonly size: number;
  /** Names of the assets that have it as a version. */
  readonly names: readonly string[];
}

/** What is wrong with one. */
interface Finding extends Blob {
  /** `damaged`: it was condemned. `missing`: a version that is served has no octets. */
  readonly state: "damaged" | "missing";
}

/** `pilotlight cache verify`: reads every blob and takes out what is damaged. */
export async function verify(
  context: CacheContext,
  names: readonly string[],
  options: CacheOptions,
): Promise<void> {
  let checked = 0;
  let octets = 0;
  const findings: Finding[] = [];
  let refetched = false;
  await withCache(context, async (cache) => {
    const records = recordsOf(cache, names);
    const blobs = blobsOf(cache, records);
    findings.push(...missing(cache, records));
    const damaged: Blob[] = [];
    const progress = new VerifyProgress(
      context,
      blobs.reduce((sum, { size }) => sum + size, 0),
    );
    try {
      for (const blob of blobs) {
        const sound = await check(cache, blob, progress);
        checked += 1;
        octets += blob.size;
        if (!sound) damaged.push(blob);
      }
    } finally {
      progress.close();
    }
    // An agent takes them out itself, and fetches them again.
    refetched = await context.agent.damaged(damaged.map(({ digest }) => digest));
    for (const blob of damaged) {
      if (!refetched) await cache.condemn(blob.digest, "`cache verify` found it damaged");
      findings.push({ ...blob, state: "damaged" });
    }
  });
  if (options.json) printJson(context, { checked, octets, findings, refetched });
  else print(context, reportLines(checked, octets, findings, refetched));
  if (findings.length > 0) context.host.setExitStatus(FAILED);
}

async function check(cache: DiskCache, blob: Blob, progress: VerifyProgress): Promise<boolean> {
  // It may have been evicted since the list was made; then there is nothing to verify.
  if (cache.blob(blob.digest) === undefined) return true;
  progress.begin(blob.names[0] ?? "");
  const { sound } = await cache.check(blob.digest, () => {
    progress.add(PIECE_LEN);
    return Promise.resolve();
  });
  progress.end(blob.size);
  return sound;
}

function blobsOf(cache: DiskCache, records: readonly AssetRecord[]): readonly Blob[] {
  const blobs = new Map<string, { digest: string; size: number; names: string[] }>();
  for (const { name, versions } of records) {
    for (const { digest } of versions) {
      const known = blobs.get(digest);
      const record = known ? undefined : cache.blob(digest);
      if (known && !known.names.includes(name)) known.names.push(name);
      if (record) blobs.set(digest, { digest, size: record.size, names: [name] });
    }
  }
  return [...blobs.values()];
}

function missing(cache: DiskCache, records: readonly AssetRecord[]): readonly Finding[] {
  return records.flatMap((record) => {
    const served = servedVersion(record);
    if (!served || cache.blob(served.digest)) return [];
    const { digest, size } = served;
    return [{ digest, size, names: [record.name], state: "missing" as const }];
  });
}

function reportLines(
  checked: number,
  octets: number,
  findings: readonly Finding[],
  refetched: boolean,
): readonly string[] {
  const lines = findings.map(({ digest, names, state }) => {
    const what =
      state === "missing"
        ? "is not there"
        : `is damaged: put into quarantine${refetched ? ", and fetched again by the agent" : ""}`;
    return `${names.join(", ")}: ${shortDigest(digest)} ${what}`;
  });
  const damaged = findings.filter(({ state }) => state === "damaged").length;
  lines.push(
    `${count(checked, "blob")} read, ${octetsText(octets)}: ${damaged === 0 ? "all sound" : `${damaged} damaged`}`,
  );
  if (findings.length > 0 && !refetched) {
    lines.push("Fetch again with `pilotlight cache prefetch`, or start the agent, which does so.");
  }
  return lines;
}

class VerifyProgress {
  private readonly live: LiveLines;
  private readonly total: number;
  private name = "";
  private before = 0;
  private octets = 0;

  constructor({ host }: CacheContext, total: number) {
    this.live = new LiveLines(host.stderr, wantsColour(host.stderr.isTTY === true, host.env));
    this.total = total;
  }

  begin(name: string): void {
    this.name = name;
    this.before = this.octets;
    this.draw();
  }

  add(octets: number): void {
    this.octets += octets;
    this.draw();
  }

  end(size: number): void {
    this.octets = this.before + size;
    this.draw();
  }

  close(): void {
    this.live.close(true);
  }

  private draw(): void {
    const { name, octets, total } = this;
    if (this.live.live) {
      this.live.draw([{ text: barLine({ name, octets, total }, this.live.width), style: "bar" }]);
    }
  }
}
