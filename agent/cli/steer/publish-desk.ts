import { AgentError, formatAgentError } from "../../errors.ts";
import { shortFingerprint } from "../../identity/fingerprint.ts";
import { printableCut } from "../../log/printable.ts";
import type { Asker, Assignment } from "../../publish/assignment.ts";
import type { Answered, Given } from "../../publish/config-server.ts";
import type { PublishedSite } from "../../publish/published-site.ts";
import { SiteWatch } from "../../publish/site-watch.ts";
import { print, printJson } from "../print.ts";
import { count } from "../words.ts";
import type { Steering } from "./steering.ts";

/** Who asked last, and what was said of it. */
const MOST_VISITORS = 512;
const MAX_NAME = 48;

type Parts = Pick<Steering, "host" | "clock" | "wallMs">;

/** What is given away, and to whom. */
export interface DeskInput {
  readonly assignment: Assignment;
  readonly sites: readonly PublishedSite[];
  readonly options: { readonly json?: true; readonly once?: true };
}

/** Gives bundles away, keeps them current, and tells the operator what happens. */
export class PublishDesk {
  /** Resolves when the operator stops it, or with `--once` when everybody has fetched. */
  readonly ended: Promise<void>;
  private readonly parts: Parts;
  private readonly input: DeskInput;
  private readonly watch: SiteWatch;
  private readonly visitors = new Map<string, string>();
  private readonly served = new Set<string>();
  private end: () => void = () => {};
  private refreshing = Promise.resolve();

  constructor(parts: Parts, input: DeskInput) {
    this.parts = parts;
    this.input = input;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    parts.host.onStopSignal(this.end);
    this.watch = new SiteWatch(parts.clock, () => {
      this.refreshing = this.refreshing.then(() => this.refresh());
    });
    this.follow();
  }

  begin(urls: readonly string[], instance: string | undefined): void {
    const { sites, assignment, options } = this.input;
    for (const [i, site] of sites.entries()) this.tellSite(site, assignment.audience(i));
    if (options.json) {
      printJson(this.parts, { event: "ready", urls, instance });
      return;
    }
    const by = instance === undefined ? "" : `, announced as "${printableCut(instance, MAX_NAME)}"`;
    const none = "  This host has no address that agents could reach.";
    const lines = urls.length === 0 ? [none] : urls.map((url) => `  ${url}`);
    print(this.parts, [`ready${by}:`, ...lines]);
  }

  give(asker: Asker): Given {
    const match = this.input.assignment.match(asker);
    const bundle = "site" in match ? this.input.sites[match.site]?.current : undefined;
    return bundle ? { kind: "bundle", ...bundle } : { kind: "none" };
  }

  answered(asker: Asker, how: Answered, digest: string | undefined): void {
    const bundle = this.input.sites.find(({ current }) => current?.digest === digest)?.current;
    const what =
      how === "none"
        ? `asked in vain: ${this.why(asker)}`
        : how === "unchanged"
          ? `has serial ${bundle?.serial ?? "?"} of ${bundle?.site ?? "?"}`
          : `fetched serial ${bundle?.serial ?? "?"} of ${bundle?.site ?? "?"}`;
    const { proven, agent, name, board, address } = asker;
    this.tell(`${proven ?? agent} ${address}`, `${whoIs(asker)} ${what}`, {
      ...{ event: how, agent: proven ?? null, claimed: agent, name, board, address },
      ...(bundle && how !== "none" ? { site: bundle.site, serial: bundle.serial } : {}),
      ...(how === "none" ? { why: this.why(asker) } : {}),
    });
    if (how === "none") return;
    this.served.add(proven ?? address);
    const all = this.input.assignment.fingerprints;
    const done = all?.every((fingerprint) => this.served.has(fingerprint)) ?? true;
    if (this.input.options.once && done) this.end();
  }

  failed(address: string, why: string): void {
    const text = `${address} gave up before it asked: ${printableCut(why, 200)}`;
    this.tell(`failed ${address}`, text, { event: "failed", address, why });
  }

  close(): void {
    this.watch.close();
  }

  private why(asker: Asker): string {
    const match = this.input.assignment.match(asker);
    return "why" in match ? match.why : "its site is not ready";
  }

  /** An agent asks again every few minutes: only what is new is told. */
  private tell(visitor: string, text: string, event: Readonly<Record<string, unknown>>): void {
    if (this.visitors.get(visitor) === text) return;
    this.visitors.delete(visitor);
    const [oldest] = this.visitors.keys();
    if (this.visitors.size >= MOST_VISITORS && oldest !== undefined) this.visitors.delete(oldest);
    this.visitors.set(visitor, text);
    const time = new Date(this.parts.wallMs());
    if (this.input.options.json) printJson(this.parts, { time: time.toISOString(), ...event });
    else print(this.parts, [`${time.toTimeString().slice(0, 8)} ${text}`]);
  }

  private tellSite({ file, current }: PublishedSite, audience?: readonly string[]): void {
    if (!current) return;
    const { site, serial, octets, files, digest } = current;
    if (this.input.options.json) {
      printJson(this.parts, { event: "site", file, site, serial, digest });
      return;
    }
    print(this.parts, [
      `${site}: serial ${serial}, ${count(files, "file")}, ${octets.length} octets`,
      ...(audience ?? []).map((who) => `  for ${who}`),
    ]);
  }

  /** Signs anew what changed. A site with mistakes stays as it was. */
  private async refresh(): Promise<void> {
    for (const site of this.input.sites) {
      try {
        if (await site.refresh()) this.tellSite(site);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        const still = `serial ${site.current?.serial ?? "?"} is given away still`;
        this.parts.host.stderr.write(`${formatAgentError(error)}\n    ${still}\n`);
      }
    }
    this.follow();
  }

  private follow(): void {
    this.watch.follow([...new Set(this.input.sites.flatMap(({ folders }) => folders))]);
  }
}

/** "rack7 (k7xq-m2ab-hh5c-2q4z, 10.0.0.5)"; what was not proven is in quotes. */
function whoIs({ proven, agent, name, address }: Asker): string {
  const id = proven ?? agent;
  const short = id === "" ? "" : `${shortFingerprint(printableCut(id, 52))}, `;
  return `${printableCut(name, MAX_NAME) || "somebody"} (${short}${address}${proven ? "" : ", not proven"})`;
}
