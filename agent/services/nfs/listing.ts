import type { DirEntry } from "../../assets/trees/tree.ts";

/** "." and "..". */
export const COOKIE_SELF = 1;
export const COOKIE_PARENT = 2;
/** The first and last cookie of a name: some clients take a cookie for a signed number. */
const FIRST = 3;
const LAST = 0x7fff_ffff;
/** A hash and an index are sorted as one number; together they have the 53 bits that are exact. */
const INDEXES = 2 ** 22;

/**
 * A directory's names in the order of their cookies.
 *
 * The cookie of a name is its hash, so it does not depend on the other names: what is created or removed while a client lists the
 * directory neither hides another name from it nor shows one twice, and no cookie is invalid after a restart. Of names with the
 * same hash all but the first take the next free number, and keep it as long as the listing before is known.
 */
export class Listing {
  readonly entries: readonly DirEntry[];
  private readonly cookies: readonly number[];
  /** Names whose cookie is not their hash. Very few. */
  private readonly moved: ReadonlyMap<string, number>;

  private constructor(
    entries: readonly DirEntry[],
    cookies: readonly number[],
    moved: ReadonlyMap<string, number>,
  ) {
    this.entries = entries;
    this.cookies = cookies;
    this.moved = moved;
  }

  /** Names beyond 4194304 are left out. `before`: a listing of the same directory. */
  static of(
    source: readonly DirEntry[],
    before?: Listing,
    hashOf: (name: string) => number = nameCookie,
  ): Listing {
    const n = Math.min(source.length, INDEXES);
    const keys = new Float64Array(n);
    for (let i = 0; i < n; i++) keys[i] = hashOf(source[i]?.name ?? "") * INDEXES + i;
    keys.sort();
    const entries: DirEntry[] = [];
    const cookies: number[] = [];
    const homeless: DirEntry[] = [];
    const taken = takenCookies(source, before?.moved);
    const alone = taken.size === 0 && !before?.moved.size;
    let hash = hashIn(keys, 0);
    for (let i = 0; i < n; ) {
      const next = hashIn(keys, i + 1);
      if (next !== hash && alone) {
        const entry = source[(keys[i] ?? 0) % INDEXES];
        if (entry) entries.push(entry);
        cookies.push(hash);
        hash = next;
        i++;
        continue;
      }
      const group: DirEntry[] = [];
      const here = hash;
      for (; hash === here; i++, hash = hashIn(keys, i)) {
        const entry = source[(keys[i] ?? 0) % INDEXES];
        if (entry) group.push(entry);
      }
      const home = taken.has(here) ? undefined : homeOf(group, here, before);
      for (const entry of group) {
        if (entry !== home) homeless.push(entry);
        else {
          entries.push(entry);
          cookies.push(here);
        }
      }
    }
    return homeless.length === 0
      ? new Listing(entries, cookies, new Map())
      : Listing.settle(entries, cookies, homeless, { before, hashOf });
  }

  /** Finds cookies for the names whose hash is somebody else's. */
  private static settle(
    entries: readonly DirEntry[],
    cookies: readonly number[],
    homeless: readonly DirEntry[],
    { before, hashOf }: { before: Listing | undefined; hashOf: (name: string) => number },
  ): Listing {
    const used = new Set(cookies);
    const moved = new Map<string, number>();
    for (const { name } of homeless) {
      const cookie = before?.movedTo(name);
      if (cookie === undefined) continue;
      moved.set(name, cookie);
      used.add(cookie);
    }
    // Upwards from the one before: many names of one hash do not make each of them walk past all others.
    let next = FIRST;
    for (const { name } of homeless) {
      if (moved.has(name)) continue;
      next = Math.max(next, hashOf(name));
      while (used.has(next)) next = next >= LAST ? FIRST : next + 1;
      moved.set(name, next);
      used.add(next);
    }
    const all = [
      ...entries.map((entry, i) => ({ entry, cookie: cookies[i] ?? LAST })),
      ...homeless.map((entry) => ({ entry, cookie: moved.get(entry.name) ?? LAST })),
    ].sort((a, b) => a.cookie - b.cookie);
    return new Listing(
      all.map(({ entry }) => entry),
      all.map(({ cookie }) => cookie),
      moved,
    );
  }

  get length(): number {
    return this.entries.length;
  }

  /** The cookie of the entry at `index`. */
  cookieAt(index: number): number {
    return this.cookies[index] ?? LAST;
  }

  /** Where a client goes on that has all up to this cookie. */
  after(cookie: number): number {
    const { cookies } = this;
    let low = 0;
    let high = cookies.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cookies[middle] ?? LAST) <= cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The name that had its own hash as cookie here. */
  ownerOf(hash: number): string | undefined {
    const index = this.after(hash - 1);
    return this.cookies[index] === hash ? this.entries[index]?.name : undefined;
  }

  /** The cookie that a name has although it is not its hash. */
  movedTo(name: string): number | undefined {
    return this.moved.get(name);
  }
}

/** The hash of a name as a cookie (FNV-1a). */
export function nameCookie(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return Math.max(FIRST, hash & LAST);
}

/** The hash of the name that is at `index` in order; -1 behind the last. */
function hashIn(keys: Float64Array, index: number): number {
  return index < keys.length ? Math.floor((keys[index] ?? 0) / INDEXES) : -1;
}

/** Which of the names with the same hash has it as its cookie: who had it before, else the first by name that has no other. */
function homeOf(
  group: DirEntry[],
  hash: number,
  before: Listing | undefined,
): DirEntry | undefined {
  if (group.length === 1) {
    const [only] = group;
    return only && before?.movedTo(only.name) === undefined ? only : undefined;
  }
  group.sort((a, b) => (a.name < b.name ? -1 : 1));
  const owner = before?.ownerOf(hash);
  const kept = group.find((entry) => entry.name === owner);
  return kept ?? group.find((entry) => before?.movedTo(entry.name) === undefined);
}

/** The cookies of names that are here still, and have not their own hash. */
function takenCookies(
  source: readonly DirEntry[],
  moved: ReadonlyMap<string, number> | undefined,
): ReadonlySet<number> {
  const taken = new Set<number>();
  if (!moved || moved.size === 0) return taken;
  for (const { name } of source) {
    const cookie = moved.get(name);
    if (cookie !== undefined) taken.add(cookie);
  }
  return taken;
}
