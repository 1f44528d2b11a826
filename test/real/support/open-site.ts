import { createHash } from "node:crypto";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { AssetStatus } from "../../../agent/assets/fetch/status.ts";
import { type OpenAssets, openAssets } from "../../../agent/assets/open-assets.ts";
import { isWait, type Slot } from "../../../agent/assets/slot.ts";
import { AgentError } from "../../../agent/errors.ts";
import { type Clock, systemClock } from "../../../agent/link/clock.ts";
import type { JournalNote } from "../../../agent/log/journal.ts";
import { loadSite } from "../../../agent/site/load.ts";
import type { AssetSpec } from "../../../agent/site/site.ts";
import { RASPBERRY_PI_ZERO_2_W } from "../../../boards/raspberry-pi-zero-2-w.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { until } from "../../support/until.ts";

/** How the assets of a site are opened. */
export interface OpenSiteOptions {
  /** Kept from one to the next; absent: a folder of its own. */
  readonly state?: string;
  /** Sections beside `assets`: stores, cache. */
  readonly sections?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
}

/** The assets of a site as an agent has them, in this process: real stores, a real disk, real time. */
export class OpenSite {
  readonly assets: OpenAssets;
  readonly notes: JournalNote[];
  readonly state: string;
  /** While true, machines boot. */
  booting = false;
  private readonly specs: ReadonlyMap<string, AssetSpec>;
  private readonly bugs: unknown[];
  private closed = false;

  private constructor(
    assets: OpenAssets,
    specs: ReadonlyMap<string, AssetSpec>,
    notes: JournalNote[],
    bugs: unknown[],
    state: string,
  ) {
    this.assets = assets;
    this.specs = specs;
    this.notes = notes;
    this.bugs = bugs;
    this.state = state;
  }

  /** `assets`: lines below `assets:`. Fetches what is missing, and watches. Closed with the test. */
  static async open(assets: string, options: OpenSiteOptions = {}): Promise<OpenSite> {
    const text = `site: faults
network: { interface: lo, address: 172.24.42.150/24 }
${options.sections ?? ""}
assets:
${assets}
`;
    const site = await loadSite(join(tempDir({ "site.yaml": text }), "site.yaml"));
    const stateDir = options.state ?? tempDir();
    const notes: JournalNote[] = [];
    const bugs: unknown[] = [];
    let made: OpenSite | undefined;
    const opened = await openAssets({
      site,
      budgets: RASPBERRY_PI_ZERO_2_W.budgets,
      stateDir,
      variables: options.variables ?? {},
      version: "1.2.3",
      journal: { note: (n) => notes.push(n) },
      warn: () => {},
      clock: options.clock ?? systemClock,
      bootsRunning: () => made?.booting ?? false,
      inUse: () => [],
      crash: (bug) => bugs.push(bug),
    });
    const open = new OpenSite(opened, site.assets, notes, bugs, stateDir);
    made = open;
    onTestFinished(() => open.close());
    await opened.keeper.prefetch(site.assets.values());
    opened.watch();
    return open;
  }

  slot(name: string): Slot {
    return this.assets.keeper.slot(this.spec(name));
  }

  /** Asks the store of an asset for something newer, now. */
  refresh(name: string): void {
    this.assets.keeper.refresh(this.spec(name));
  }

  async status(name: string): Promise<AssetStatus> {
    const { assets } = await this.assets.keeper.status();
    const found = assets.find((a) => a.name === name);
    if (!found) throw new Error(`${name} has no status`);
    return found;
  }

  /** The status of an asset, as soon as it is as it should be. */
  async when(
    name: string,
    is: (status: AssetStatus) => boolean,
    patienceMs?: number,
  ): Promise<AssetStatus> {
    let last: AssetStatus | undefined;
    let asking = false;
    return await until(
      () =>
        `${name}; it is ${JSON.stringify(last, null, 1)}; ${JSON.stringify(this.notes.slice(-4), null, 1)}`,
      () => {
        if (this.bugs.length > 0) throw this.bugs[0];
        if (last && is(last)) return last;
        if (!asking) {
          asking = true;
          // What is asked when the test has ended already has no answer.
          this.status(name).then(
            (status) => {
              last = status;
              asking = false;
            },
            () => undefined,
          );
        }
        return undefined;
      },
      patienceMs,
    );
  }

  /** SHA-256 of the octets that are served now; undefined when none are. */
  async served(name: string): Promise<string | undefined> {
    const state = this.slot(name).current();
    if (isWait(state) || state instanceof AgentError) return undefined;
    const hash = createHash("sha256");
    for (let at = 0; at < state.size; at += state.chunkLen) {
      hash.update(await state.load(at / state.chunkLen));
    }
    return hash.digest("hex");
  }

  /** What the journal says of an asset, with that outcome. */
  said(name: string, outcome: JournalNote["outcome"]): string[] {
    return this.notes
      .filter((n) => n.file === name && n.outcome === outcome)
      .map((n) => `${n.event}: ${n.decision}`);
  }

  private spec(name: string): AssetSpec {
    const spec = this.specs.get(name);
    if (!spec) throw new Error(`the site has no asset ${name}`);
    return spec;
  }

  /** As the agent does when it stops. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.assets.close();
    if (this.bugs.length > 0) throw this.bugs[0];
  }
}
