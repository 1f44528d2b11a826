import { LRUCache } from "lru-cache";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import { type AssetWait, isWait, type Slot } from "../assets/slot.ts";
import { AgentError } from "../errors.ts";
import type { Family } from "../site/families.ts";
import type { AssetSpec, Machine, Root, Site } from "../site/site.ts";
import type { BootPlan } from "./boot-plan.ts";
import { patienceOf } from "./patience.ts";

/** How often a machine's assets are asked for at most, ms: each packet is a sign of life. */
const WANT_EVERY_MS = 1_000;
/** Machines remembered by when they were asked for. */
const MAX_WANTED = 8_192;
/** For so long after a read without an end (NFS knows none) its version counts as being read, ms. */
const READING_MS = 10 * 60_000;
/** Versions remembered as being read; the one read longest ago is forgotten. */
const MAX_READ = 1_024;

/** The stages of a boot, in their order: assets of one stage are needed by all machines before those of the next. */
function stagesOf({ profile, chain }: Machine): readonly (readonly AssetSpec[])[] {
  if (!profile) return []; // it gets its address only
  const { bsd, linux } = profile;
  const boot = profile.boot === undefined ? undefined : profile.files.get(profile.boot);
  const programs = [...chain.values()];
  const first = boot?.kind === "asset" ? [boot.asset] : bsd ? [bsd.loader] : [];
  const chained = profile.boot === undefined && !bsd;
  return [
    chained ? programs : first,
    [...(linux?.kernel ? [linux.kernel] : []), ...(linux?.initrd ?? [])],
    [...profile.files.values()].flatMap((file) => (file.kind === "asset" ? [file.asset] : [])),
    rootAssets(bsd?.root ?? linux?.root),
    // What it can ask for by name but is not told of.
    chained ? [] : [...(bsd ? [bsd.loader] : []), ...programs],
  ];
}

/** The assets in an NFS root; none where it is a directory of this host. */
export function rootAssets(root: Root | undefined): readonly AssetSpec[] {
  if (root?.kind === "image") return [root.asset];
  return root?.kind === "files" ? [...root.files.values()] : [];
}

/** The assets of one machine in the order in which a boot comes to them, each once. */
export function assetsOf(machine: Machine): readonly AssetSpec[] {
  return [...new Set(stagesOf(machine).flat())];
}

/** What all machines of the site need, in order of need: first what each begins with, last the files of their roots. */
export function neededAssets(site: Site): readonly AssetSpec[] {
  const machines = site.machines.map(stagesOf);
  const stages = Math.max(0, ...machines.map((m) => m.length));
  const needed = new Set<AssetSpec>();
  for (let stage = 0; stage < stages; stage++) {
    for (const machine of machines) for (const spec of machine[stage] ?? []) needed.add(spec);
  }
  return [...needed];
}

/** The place of what a machine loads first, given who asks; undefined when it is offered nothing. */
export function firstFile(plan: BootPlan, family: Family): Slot | undefined {
  const { file } = plan.offer(family);
  return file === undefined ? undefined : plan.files.get(file);
}

/** What must be there before a machine of this family learns its address, if it can be made to wait at all. */
export function neededFirst(plan: BootPlan, family: Family): readonly Slot[] {
  const first = firstFile(plan, family);
  const slots = first ? [first] : [];
  return patienceOf(family).addressFor === "all" ? [...slots, ...plan.rootFiles] : slots;
}

/** The first of these that is on its way; undefined when none is waited for. */
export function firstWait(slots: Iterable<Slot | undefined>): AssetWait | undefined {
  for (const slot of slots) {
    const state = slot?.current();
    if (isWait(state)) return state;
  }
  return undefined;
}

/** SHA-256 at the beginning of a validator, as contents of the cache have it; a padded form has its length behind it. */
const DIGEST = /^[0-9a-f]{64}/;

/**
 * What must stay on disk because machines have begun to read it, and tells fetching what is needed next.
 *
 * A transfer keeps the version that it began with, so that version may not be evicted before its end.
 */
export class Needs {
  private readonly now: () => number;
  private readonly wantedMs = new Map<MacText, number>();
  private readonly lent = new Map<string, number>();
  private readonly readMs = new LRUCache<string, number>({ max: MAX_READ });

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Whether this machine's assets may be asked for again; asked at each packet. */
  isDue({ machine, needs }: BootPlan): boolean {
    if (needs.length === 0) return false;
    const lastMs = this.wantedMs.get(machine.mac);
    return lastMs === undefined || this.now() - lastMs >= WANT_EVERY_MS;
  }

  /** A machine gave a sign of life: all that its boot may come to is fetched before other things. */
  alive(plan: BootPlan, family: Family): void {
    this.wantedMs.set(plan.machine.mac, this.now());
    if (this.wantedMs.size > MAX_WANTED) this.wantedMs.clear();
    const first = firstFile(plan, family);
    first?.want();
    for (const slot of plan.needs) if (slot !== first) slot.want();
  }

  /** A transfer of this content begins; the returned function says that it is over, and may be called more than once. */
  lend(etag: string): () => void {
    const digest = DIGEST.exec(etag)?.[0];
    if (digest === undefined) return () => {};
    this.lent.set(digest, (this.lent.get(digest) ?? 0) + 1);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const left = (this.lent.get(digest) ?? 1) - 1;
      if (left > 0) this.lent.set(digest, left);
      else this.lent.delete(digest);
    };
  }

  /** A machine reads this content by single requests that have no end. */
  touch(etag: string): void {
    const digest = DIGEST.exec(etag)?.[0];
    if (digest === undefined) return;
    this.readMs.set(digest, this.now());
  }

  /** SHA-256 in hex of all that machines are reading, and of all that is served to these plans now. */
  digestsInUse(plans: Iterable<BootPlan>): ReadonlySet<string> {
    const digests = new Set(this.lent.keys());
    const sinceMs = this.now() - READING_MS;
    for (const [digest, readMs] of this.readMs) if (readMs >= sinceMs) digests.add(digest);
    for (const plan of plans) {
      for (const slot of plan.needs) {
        const state = slot.current();
        if (isWait(state) || state instanceof AgentError) continue;
        const digest = DIGEST.exec(state.etag)?.[0];
        if (digest !== undefined) digests.add(digest);
      }
    }
    return digests;
  }
}
