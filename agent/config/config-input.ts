import type { OpenedBundle } from "../bundle/bundle.ts";
import type { BundleRecord } from "../control/messages.ts";
import type { Clock } from "../link/clock.ts";
import type { Site } from "../site/site.ts";
import type { Database } from "../state/database.ts";

/** How long a bundle is tried where nobody says, and what may be said. */
export const PROBATION_MS: number = 30_000;
export const MIN_PROBATION_MS: number = 5_000;
export const MAX_PROBATION_MS: number = 600_000;
/** How often a fetched bundle is begun anew after its probation was cut off by a restart: power may fail for other reasons. */
export const MAX_TRIES: number = 3;

/** What is done with bundles elsewhere. */
export interface BundleTools {
  /** Throws E_BUNDLE for what is none. */
  open(octets: Uint8Array): OpenedBundle;
  /** Throws E_BUNDLE_REFUSED for one that may not be applied; `highestSerial`: its serial number must be higher. */
  judge(opened: OpenedBundle, highestSerial: number): void;
  /** Unpacks into a folder that is not there, as a whole or not at all, and durably; the path of the site file. */
  unpack(opened: OpenedBundle, folder: string): Promise<string>;
  /** Name of the operator with this fingerprint. */
  signerName(fingerprint: string): string;
}

/** What a {@link KeptConfig} is made of. */
export interface ConfigInput {
  readonly database: Database;
  /** STATE/config. */
  readonly dir: string;
  readonly bundles: BundleTools;
  readonly loadSite: (file: string) => Promise<Site>;
  /** What a person wants to know of the difference, a line each. */
  readonly siteChanges: (before: Site | undefined, next: Site) => readonly string[];
  /** Serves a site; undefined: none any more. When it rejects, what was served before is served on. */
  readonly serve: (site: Site | undefined) => Promise<void>;
  /** Why this host does not do what the site needs just now: an interface is down, an address gone. */
  readonly fault: () => string | undefined;
  readonly clock: Clock;
  readonly wallMs: () => number;
  /** For the operator: what happened, and how bad it is. */
  readonly told: (text: string, bad: boolean) => void;
  /** Another bundle runs, or one has another state. */
  readonly changed: (record: BundleRecord) => void;
  readonly crash: (bug: unknown) => void;
}
