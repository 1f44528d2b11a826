import { browseAgents } from "../../discovery/browse.ts";
import { AGENT_SERVICE, type FoundAgent } from "../../discovery/services.ts";
import type { MdnsHost } from "../../discovery/system.ts";
import { agentOf } from "../../discovery/txt.ts";
import { browseUnicast, type DnsResolver } from "../../discovery/unicast.ts";
import { AgentError } from "../../errors.ts";
import type { CommandHost } from "../host.ts";
import { wantsColour } from "../lab/paint.ts";
import { adviceLines } from "./advice.ts";
import type { AskStatus, SaidStatus } from "./ask-status.ts";
import { type AgentRow, eventLine, mergeAgents, rowJson, tableLines } from "./rows.ts";

const FAILED = 1;

export interface DiscoverOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
  readonly interface?: readonly string[];
  /** Seconds. */
  readonly timeout: number;
  readonly domain?: string;
}

/** Compares what is announced with the identities that the operator met before. */
export interface Pins {
  /** What the operator must know of this agent; undefined: nothing, it is who it was or nobody that was met. */
  check(agent: FoundAgent): string | undefined;
}

/** What the command works with. */
export interface DiscoverParts {
  readonly mdns: MdnsHost;
  readonly resolver: DnsResolver;
  readonly askStatus: AskStatus;
  readonly pins: Pins | undefined;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** `pilotlight discover`: shows the agents that announce themselves, once or as they come and go. */
export async function discover(
  options: DiscoverOptions,
  host: CommandHost,
  parts: DiscoverParts,
): Promise<void> {
  const names = parts.mdns.links().map(({ name }) => name);
  for (const name of options.interface ?? []) {
    if (names.includes(name)) continue;
    throw new AgentError("E_INTERFACE", `there is no interface "${name}" with an address`, {
      cure: `Give --interface one of those that there are: ${names.join(", ") || "none"}.`,
    });
  }
  if (names.length === 0 && options.domain === undefined) {
    throw new AgentError("E_DISCOVERY", "no interface of this host is up and has an address");
  }
  const ended = new AbortController();
  host.onStopSignal(() => ended.abort());
  const session = new Session(options, host, parts);
  await (options.watch ? session.watch(ended.signal) : session.once(ended.signal));
}

class Session {
  private readonly options: DiscoverOptions;
  private readonly host: CommandHost;
  private readonly parts: DiscoverParts;
  private readonly colour: boolean;
  private readonly statuses = new Map<string, Promise<SaidStatus | undefined>>();

  constructor(options: DiscoverOptions, host: CommandHost, parts: DiscoverParts) {
    this.options = options;
    this.host = host;
    this.parts = parts;
    this.colour = wantsColour(host.stdout.isTTY === true, host.env);
  }

  /** Asks for some seconds, then shows a table. */
  async once(signal: AbortSignal): Promise<void> {
    const { interface: interfaces, timeout, domain, json } = this.options;
    const { mdns } = this.parts;
    const browsing = browseAgents(mdns, { interfaces }, { found: (agent) => void this.ask(agent) });
    const byDns = this.byDns(signal);
    await this.pause(timeout * 1_000, signal);
    const { all, interfaces: asked } = browsing;
    const problems = [...browsing.problems];
    await browsing.stop();
    const dns = await byDns;
    if (dns.problem !== undefined) problems.push(dns.problem);
    const rows = await Promise.all(
      mergeAgents([...all, ...dns.agents]).map((row) => this.row(row)),
    );
    if (json) for (const row of rows) this.print([JSON.stringify(rowJson(row))]);
    else if (rows.length > 0) this.print(tableLines(rows, this.colour));
    if (rows.length > 0 && domain !== undefined && dns.problem !== undefined) {
      this.host.stderr.write(`${dns.problem}\n`);
    }
    if (rows.length > 0) return;
    const search = { interfaces: asked, problems, domain, seconds: timeout };
    this.host.stderr.write(`${adviceLines(search).join("\n")}\n`);
    this.host.setExitStatus(FAILED);
  }

  /** Tells what comes and goes until the operator ends it. */
  async watch(signal: AbortSignal): Promise<void> {
    const { interface: interfaces } = this.options;
    // Events come out in the order in which they happened, though each waits for its agent's answer.
    let last: Promise<void> = Promise.resolve();
    const tell = (event: "found" | "changed" | "lost") => (agent: FoundAgent) => {
      const time = new Date(this.parts.wallMs()).toISOString();
      const [merged] = mergeAgents([agent]);
      if (!merged) return;
      if (event !== "lost") this.statuses.delete(keyOf(agent));
      const row =
        event === "lost" ? { ...merged, status: undefined, alarm: undefined } : this.row(merged);
      last = last.then(async () => this.tell(event, await row, time));
    };
    const handlers = { found: tell("found"), changed: tell("changed"), lost: tell("lost") };
    const browsing = browseAgents(this.parts.mdns, { interfaces }, handlers);
    const dns = await this.byDns(signal);
    for (const agent of dns.agents) handlers.found(agent);
    if (dns.problem !== undefined) this.host.stderr.write(`${dns.problem}\n`);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await browsing.stop();
    await last;
  }

  private tell(event: "found" | "changed" | "lost", row: AgentRow, time: string): void {
    if (this.options.json) {
      this.print([JSON.stringify({ time, event, agent: rowJson(row) })]);
      return;
    }
    this.print([eventLine(event, row, time.slice(11, 19), this.colour)]);
    if (row.alarm !== undefined) this.print([`         !! ${row.alarm}`]);
  }

  private async byDns(
    signal: AbortSignal,
  ): Promise<{ readonly agents: readonly FoundAgent[]; readonly problem?: string }> {
    const { domain } = this.options;
    if (domain === undefined) return { agents: [] };
    try {
      const found = await browseUnicast(AGENT_SERVICE, domain, this.parts.resolver, signal);
      const agents = found.flatMap((service) => agentOf(service) ?? []);
      for (const agent of agents) void this.ask(agent);
      return { agents };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { agents: [], problem: `DNS servers say nothing of ${domain}: ${why}` };
    }
  }

  private async row(
    merged: Pick<AgentRow, "agent" | "addresses" | "interfaces">,
  ): Promise<AgentRow> {
    const status = await this.ask(merged.agent);
    return { ...merged, status, alarm: this.parts.pins?.check(merged.agent) };
  }

  /** Each agent is asked once, as soon as it is found. */
  private ask(agent: FoundAgent): Promise<SaidStatus | undefined> {
    const key = keyOf(agent);
    const asked = this.statuses.get(key) ?? this.parts.askStatus(agent);
    this.statuses.set(key, asked);
    return asked;
  }

  private pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const cancel = this.parts.mdns.clock.after(ms, resolve);
      signal.addEventListener("abort", () => {
        cancel();
        resolve();
      });
    });
  }

  private print(lines: readonly string[]): void {
    this.host.stdout.write(`${lines.join("\n")}\n`);
  }
}

function keyOf(agent: FoundAgent): string {
  return `${agent.fingerprint} ${agent.instance}`;
}
