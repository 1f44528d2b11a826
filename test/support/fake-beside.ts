import type { RunningServices } from "../../agent/services/all.ts";
import { type Conduct, DhcpConduct, type SeenServer } from "../../agent/services/dhcp/mode.ts";
import type { OtherServer } from "../../agent/services/dhcp/other-servers.ts";
import type { DhcpWatchStatus } from "../../agent/services/dhcp/watch.ts";
import type { DhcpMode } from "../../agent/site/site.ts";

/** DHCP beside servers that a test makes up. */
export class FakeBeside implements NonNullable<RunningServices["beside"]> {
  servers: readonly OtherServer[] = [];
  kept: SeenServer | undefined;
  /** Who had it forget. */
  readonly by: string[] = [];
  private readonly mode: DhcpMode;

  constructor(mode: DhcpMode = "auto") {
    this.mode = mode;
  }

  get conduct(): Conduct {
    return this.status.conduct;
  }

  get status(): DhcpWatchStatus {
    const { mode, servers } = this;
    const { now: conduct, why, kept } = this.state();
    return { mode, conduct, why, kept, servers };
  }

  forget(by: string): Promise<boolean> {
    this.by.push(by);
    return this.state().forget();
  }

  private state(): DhcpConduct {
    const write = async (server: SeenServer | undefined): Promise<void> => {
      this.kept = server;
    };
    return new DhcpConduct(this.mode, { read: () => this.kept, write });
  }
}
