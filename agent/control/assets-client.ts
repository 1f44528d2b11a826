import type { AgentAssets } from "./asset-status.ts";
import { LocalClient, NO_AGENT } from "./local-client.ts";

/** The agent with a state folder, asked about its assets. What there is no agent for is undefined. */
export class AssetsClient {
  private readonly client: LocalClient;

  constructor(stateDir: string) {
    this.client = new LocalClient(stateDir);
  }

  async status(): Promise<AgentAssets | undefined> {
    return value(await this.client.get("/assets")) as AgentAssets | undefined;
  }

  /** The names that it is about; none where no agent runs. Rejects with E_USAGE when the agent's site has no such asset. */
  async prefetch(names: readonly string[]): Promise<readonly string[]> {
    const answer = value(await this.client.post("/assets/prefetch", named(names)));
    return (answer as { readonly names: readonly string[] } | undefined)?.names ?? [];
  }

  async refresh(names: readonly string[]): Promise<boolean> {
    return this.post("/assets/refresh", named(names));
  }

  /** Records of these assets were changed. False: there is no agent that has to know. */
  async changed(names: readonly string[]): Promise<boolean> {
    return this.post("/assets/changed", { names });
  }

  async damaged(digests: readonly string[]): Promise<boolean> {
    return this.post("/assets/damaged", { digests });
  }

  /** Octets that were freed. */
  async collect(): Promise<number | undefined> {
    const answer = value(await this.client.post("/assets/collect", {}));
    return (answer as { readonly freed: number } | undefined)?.freed;
  }

  private async post(path: string, body: unknown): Promise<boolean> {
    return (await this.client.post(path, body)) !== NO_AGENT;
  }
}

/** None named: all of them. */
function named(names: readonly string[]): { readonly names?: readonly string[] } {
  return names.length === 0 ? {} : { names };
}

function value(answer: unknown): unknown {
  return answer === NO_AGENT ? undefined : answer;
}
