import { onTestFinished } from "vitest";
import { KeptConfig } from "../../../../agent/config/open-config.ts";
import type { Caller } from "../../../../agent/control/caller.ts";
import type { BundleRecord } from "../../../../agent/control/messages.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { loadSite } from "../../../../agent/site/load.ts";
import type { Site } from "../../../../agent/site/site.ts";
import { openDatabase } from "../../../../agent/state/database.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { plainTools } from "../../../support/plain-bundles.ts";
import { tempDir } from "../../../support/temp-dir.ts";

export const LOCAL: Caller = { kind: "local" };
export const PUSH = { kind: "push", caller: LOCAL } as const;
export const FETCHED = { kind: "fetched", where: "https://10.0.0.9" } as const;

/** The text of a site that is told apart by its name. */
export function siteText(name: string): string {
  return `site: ${name}\nnetwork: { address: 192.168.77.1/24 }\n`;
}

/** A keeper of bundles, and what it did. */
export class KeeperRig {
  readonly clock: FakeClock = new FakeClock();
  readonly dir: string = tempDir();
  /** Names of the sites that were served, "-" for none. */
  readonly served: string[] = [];
  readonly told: string[] = [];
  readonly changed: BundleRecord[] = [];
  readonly bugs: unknown[] = [];
  /** Why the host cannot do what the site needs. */
  fault: string | undefined;
  /** Sites that this host cannot serve. */
  readonly impossible: Set<string> = new Set();
  keeper!: KeptConfig;
  private close: () => Promise<void> = async () => {};

  static async open(): Promise<KeeperRig> {
    const rig = new KeeperRig();
    rig.build();
    onTestFinished(() => rig.close());
    await rig.keeper.start();
    return rig;
  }

  /** The agent ends here and now, and another one starts with what is on the disk. */
  async restart(): Promise<void> {
    await this.close();
    this.served.length = 0;
    this.build();
    await this.keeper.start();
  }

  private build(): void {
    const database = openDatabase({ dir: `${this.dir}/db` });
    const keeper = new KeptConfig({
      database,
      dir: `${this.dir}/config`,
      bundles: plainTools,
      loadSite,
      siteChanges: (before, next) => [`${before?.name ?? "nothing"} to ${next.name}`],
      serve: (site) => this.serve(site),
      fault: () => this.fault,
      clock: this.clock,
      wallMs: () => 1_790_000_000_000,
      told: (text) => this.told.push(text),
      changed: (record) => this.changed.push(record),
      crash: (bug) => this.bugs.push(bug),
    });
    this.keeper = keeper;
    this.close = async () => {
      await keeper.stop();
      await database.close();
    };
  }

  private serve(site: Site | undefined): Promise<void> {
    if (site && this.impossible.has(site.name)) {
      return Promise.reject(new AgentError("E_INTERFACE", `${site.name} has no interface here`));
    }
    this.served.push(site?.name ?? "-");
    return Promise.resolve();
  }
}
