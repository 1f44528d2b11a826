import type { AgentError } from "../errors.ts";
import type { AssetSpec } from "../site/site.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import type { Content } from "./content.ts";

/** What is being done so that an asset can be served, for those who wait. */
export interface AssetWait {
  readonly waiting: true;
  /** In words: "fetching https://… (12 of 40 MB)". */
  readonly why: string;
  /** Resolves when `current` has something else to say; never rejects. */
  readonly settled: Promise<void>;
}

/** Verified octets, why there are none, or that they are on their way. */
export type SlotState = Content | AgentError | AssetWait;

/** A place in a machine's files or tree. What is in it may change while the agent runs; a Content that was taken out does not. */
export interface Slot {
  readonly name: string;
  /** What is to be served now. */
  current(): SlotState;
  /** A machine is on its way to this: fetch it before other things. Cheap to call often. */
  want(): void;
}

/** Where the assets of a site come from. */
export interface Assets {
  readonly chunks: ChunkCache;
  slot(spec: AssetSpec): Slot;
}

/** Whether a state says to wait. */
export function isWait(state: SlotState | undefined): state is AssetWait {
  return typeof state === "object" && "waiting" in state;
}
