import { LRUCache } from "lru-cache";
import {
  type DirEntry,
  isRefusal,
  type NodeAttributes,
  type Tree,
  type TreeRefusal,
  type TreeResult,
} from "../../assets/trees/tree.ts";
import { Listing } from "./listing.ts";

/** Names of all directories that are kept. */
const MAX_NAMES = 300_000;
/** Directories with fewer are put in order anew at each call, which costs less than being wrong about them. */
const WORTH_KEEPING = 256;
/** A directory may change twice within one tick of its file system's clock, and show one time for both. */
const TICK_MS = 100;
/** What a tree changes without a new time (an asset that is there now) is seen after this. */
const MAX_AGE_MS = 5_000;

interface Kept {
  readonly tree: Tree;
  readonly source: readonly DirEntry[];
  readonly listing: Listing;
  /** Times of the directory when it was listed, and when they were first seen. */
  readonly times: string;
  readonly timesSinceMs: number;
  readonly listedMs: number;
}

/** Directories in the order of their cookies, so that a large one is not sorted for each piece that a client asks for. */
export class Listings {
  private readonly kept = new LRUCache<string, Kept>({
    maxSize: MAX_NAMES,
    sizeCalculation: ({ listing }) => listing.length + 1,
  });
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** The listing of a directory whose attributes are `a`. */
  of(tree: Tree, directory: number, a: NodeAttributes): TreeResult<Listing> {
    const key = `${tree.fsid} ${directory}`;
    const found = this.kept.get(key);
    const known = found?.tree === tree ? found : undefined;
    const nowMs = this.now();
    const times = `${a.mtimeMs} ${a.ctimeMs}`;
    const timesSinceMs = known?.times === times ? known.timesSinceMs : nowMs;
    if (known && known.times === times && isGood(known, nowMs)) return known.listing;
    const keep = (source: readonly DirEntry[] | TreeRefusal): Listing | TreeRefusal => {
      if (isRefusal(source)) return source;
      const same = known?.source === source;
      const listing = same ? known.listing : Listing.of(source, known?.listing);
      this.kept.set(key, { tree, source, listing, times, timesSinceMs, listedMs: nowMs });
      return listing;
    };
    const result = tree.list(directory);
    return result instanceof Promise ? result.then(keep) : keep(result);
  }
}

function isGood({ listing, listedMs, timesSinceMs }: Kept, nowMs: number): boolean {
  if (listing.length < WORTH_KEEPING || nowMs - listedMs > MAX_AGE_MS) return false;
  return listedMs - timesSinceMs >= TICK_MS;
}
