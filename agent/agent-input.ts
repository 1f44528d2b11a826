import type { Logger } from "pino";
import type { Budgets } from "../boards/board.ts";
import type { AgentParts } from "./compose.ts";
import type { InheritedSockets } from "./link/systemd.ts";
import type { Journal } from "./log/journal.ts";
import type { Site } from "./site/site.ts";

/** What an agent is made of; everything else follows from the site. */
export interface AgentInput {
  /** A local site file, which is then the only truth, as it was read. */
  readonly site: Site | undefined;
  readonly budgets: Budgets;
  /** Id of the board. */
  readonly board: string;
  /** The rack's interface whatever the site says. */
  readonly interfaceName: string | undefined;
  /** Where it is steered from whatever the site says; empty: nowhere. */
  readonly management: readonly string[] | undefined;
  readonly controlPort: number;
  /** What it is called from now on. */
  readonly name: string | undefined;
  readonly hostName: string;
  /** Of a configuration server, or of a bundle. */
  readonly configUrl: string | undefined;
  /** The file of the boot medium, if it is another one than usual. */
  readonly medium: string | undefined;
  readonly inherited: InheritedSockets;
  readonly journal: Journal;
  readonly log: Logger;
  /** Where the cache is; it is there and may be written to. */
  readonly stateDir: string;
  /** Of this software. */
  readonly version: string;
  /** The environment, for proxies and for the secrets that the site refers to. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly parts: AgentParts;
  /** Asked to stop the agent and to start it again. */
  readonly restart: () => void;
  /** Told of what no operator can mend: a bug of ours, after which nothing can be relied on. */
  readonly crash: (bug: unknown) => void;
}
