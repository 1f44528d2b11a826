import type { KeeperStatus } from "../assets/fetch/status.ts";

/** What an agent that runs tells of itself and its assets. Plain data. */
export interface AgentAssets extends KeeperStatus {
  readonly agent: {
    readonly pid: number;
    readonly version: string;
    /** The key `site:`. */
    readonly site: string;
    /** The site file, as an absolute path. */
    readonly siteFile: string;
  };
  /** Names of the machines that boot just now. */
  readonly booting: readonly string[];
}
