import type { FetchJournal } from "./fetch-journal.ts";
import type { Job, JobPhase } from "./fetcher.ts";
import type { KeeperOptions } from "./keeper-options.ts";
import type { Room } from "./room.ts";
import type { Turns } from "./turns.ts";

/** What all origins share. */
export interface OriginHost {
  readonly o: KeeperOptions;
  readonly room: Room;
  readonly turns: Turns;
  readonly journal: FetchJournal;
  /** Blobs that were found damaged and are on their way out of the cache. */
  readonly condemned: ReadonlySet<string>;
  /** Takes a blob that is not what it should be out of the cache. */
  condemn(digest: string, why: string): Promise<void>;
  /** Whether a blob's octets were written or read from end to end not long ago. */
  isChecked(digest: string): boolean;
  checked(digest: string): void;
  phase(job: Job): JobPhase;
  /** A refresh came at a bad time: asks for another one soon. */
  postpone(job: Job): void;
}
