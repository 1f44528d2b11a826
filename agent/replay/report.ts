import { TftpOpcode } from "../../protocols/tftp/packet.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { printable } from "../log/printable.ts";
import type { Site } from "../site/site.ts";
import { briefOf } from "./brief.ts";
import type { Difference } from "./compare.ts";
import type { Exchange } from "./exchange.ts";
import { addressOf, fieldOf, type ReplayMessage } from "./message.ts";
import { optionName } from "./option-text.ts";

const INDENT = "        ";
const TIME_LEN = "2000-01-01 00:00:00.000000".length;

/** How our answer compares with the recorded one. "unanswered": neither answered, which is the same, too. */
export type Verdict = "same" | "different" | "we silent" | "they silent" | "unanswered";

/** What became of a request. */
export function verdictOf({ ours, recorded, differences }: Exchange): Verdict {
  if (ours.length === 0) return recorded.length === 0 ? "unanswered" : "we silent";
  if (recorded.length === 0) return "they silent";
  return differences.length === 0 ? "same" : "different";
}

/** Counts of one protocol, or of all. */
export interface Counts {
  requests: number;
  /** Both answered alike, or neither answered. */
  same: number;
  different: number;
  /** We would have been silent where the recorded server answered. */
  weSilent: number;
  /** We would have answered where the recorded server was silent. */
  theySilent: number;
}

/** Adds up what became of all requests. */
export class Summary {
  private readonly protocols: Map<string, Counts> = new Map();

  add(exchange: Exchange): void {
    const { protocol } = exchange.request;
    const counts = this.protocols.get(protocol) ?? noCounts();
    this.protocols.set(protocol, counts);
    counts.requests += 1;
    const verdict = verdictOf(exchange);
    if (verdict === "different") counts.different += 1;
    else if (verdict === "we silent") counts.weSilent += 1;
    else if (verdict === "they silent") counts.theySilent += 1;
    else counts.same += 1;
  }

  /** Of all protocols together. */
  get total(): Counts {
    const total = noCounts();
    for (const counts of this.protocols.values()) {
      for (const name of COLUMNS) total[name] += counts[name];
    }
    return total;
  }

  /** The last line of `--json`. */
  json(): string {
    const protocols = Object.fromEntries(this.protocols);
    return JSON.stringify({ summary: { ...this.total, protocols } });
  }

  text(): string {
    const rows = [...this.protocols, ["all", this.total] as const];
    const head = HEADS.map((name) => name.padStart(name.length + 2)).join("");
    const lines = rows.map(
      ([name, counts]) =>
        name.padEnd(NAME_LEN) +
        COLUMNS.map((c, i) => String(counts[c]).padStart((HEADS[i]?.length ?? 0) + 2)).join(""),
    );
    return `\n${"".padEnd(NAME_LEN)}${head}\n${lines.join("\n")}\n`;
  }
}

const NAME_LEN = 10;
const COLUMNS = ["requests", "same", "different", "weSilent", "theySilent"] as const;
const HEADS = ["requests", "same", "different", "only they answered", "only we answered"];

function noCounts(): Counts {
  return { requests: 0, same: 0, different: 0, weSilent: 0, theySilent: 0 };
}

/** One line of `--json`, without the line feed. Further replies to one request, TFTP's window, are in `more`. */
export function exchangeJson(e: Exchange): string {
  const { request, ours, recorded, why, differences } = e;
  const fieldsOf = ([first]: readonly ReplayMessage[]): ReplayMessage["fields"] | null =>
    first?.fields ?? null;
  const rest = (all: readonly ReplayMessage[]): ReplayMessage["fields"][] =>
    all.slice(1).map((m) => m.fields);
  return JSON.stringify({
    frame: request.frame,
    time: request.time,
    protocol: request.protocol,
    from: request.from,
    request: request.fields,
    ours: fieldsOf(ours),
    why,
    recorded: fieldsOf(recorded),
    differences,
    ...(ours.length > 1 || recorded.length > 1
      ? { more: { ours: rest(ours), recorded: rest(recorded) } }
      : {}),
  });
}

/**
 * Exchanges as text. A run of pieces of a file that brings nothing new is one line: of a transfer, the beginning, the end and
 * what differs are worth reading. Differences that are the same as in the exchange before it are not repeated.
 */
export class TextReport {
  private readonly site: Site;
  private run: { readonly from: string; frame: number; count: number } | undefined;
  /** The differences told last, and where. */
  private last = { text: "", frame: 0 };

  constructor(site: Site) {
    this.site = site;
  }

  exchange(e: Exchange): string {
    const { request } = e;
    const text = differencesText(e.differences);
    const known = text !== "" && text === this.last.text;
    const verdict = verdictOf(e);
    const quiet = verdict === "same" || verdict === "unanswered" || known;
    if (quiet && isPiece(request)) return this.runOn(request);
    const where = `  the same differences as in frame ${this.last.frame}\n`;
    if (text !== "" && !known) this.last = { text, frame: request.frame };
    return this.endRun() + block(e, verdict, this.who(request)) + (known ? INDENT + where : text);
  }

  /** What was held back. */
  end(): string {
    return this.endRun();
  }

  private runOn({ from, frame }: ReplayMessage): string {
    const { run } = this;
    if (run?.from === from) {
      run.count += 1;
      run.frame = frame;
      return "";
    }
    const before = this.endRun();
    this.run = { from, frame, count: 1 };
    return before;
  }

  private endRun(): string {
    const { run } = this;
    this.run = undefined;
    if (!run) return "";
    const { frame, count, from } = run;
    const what = count === 1 ? "1 more piece" : `${count} more pieces`;
    return `${String(frame).padStart(6)}  … ${what} to ${from}, nothing new\n`;
  }

  /** "sun1 (192.168.77.21:1024)", or only where it came from. */
  private who({ protocol, fields, from }: ReplayMessage): string {
    const mac = protocol === "rarp" ? fieldOf({ fields }, "tha") : fieldOf({ fields }, "chaddr");
    const machine = this.site.machines.find((m) =>
      mac === undefined ? addressOf(from) === formatIpv4(m.ip) : m.mac === mac,
    );
    const shown = typeof mac === "string" ? mac : from;
    return machine ? `${machine.name} (${shown})` : shown;
  }
}

function block(e: Exchange, verdict: Verdict, who: string): string {
  const { request, ours, recorded, why } = e;
  const time = request.time === null ? "-" : request.time.replace("T", " ").slice(0, -1);
  const head = `${String(request.frame).padStart(6)}  ${time.padEnd(TIME_LEN)}  ${request.protocol}  ${who}: ${briefOf(request)}`;
  const lines = [head, `we:     ${saidBy(ours)}`, `why:    ${printable(why)}`];
  if (verdict === "we silent" || verdict === "they silent" || verdict === "different") {
    lines.push(`they:   ${saidBy(recorded)}`);
  } else lines.push("they:   the same");
  return `${lines.join(`\n${INDENT}`)}\n`;
}

/** The next piece of a file: an ACK of TFTP, a READ of NFS. */
function isPiece(m: ReplayMessage): boolean {
  if (m.protocol === "tftp") return fieldOf(m, "opcode") === TftpOpcode.Ack;
  return m.protocol === "nfs" && fieldOf(m, "procName") === "READ";
}

function differencesText(differences: readonly Difference[]): string {
  return differences.map((d) => `${INDENT}  ${differenceText(d)}\n`).join("");
}

function saidBy(replies: readonly ReplayMessage[]): string {
  const [first] = replies;
  if (!first) return "silence";
  const more = replies.length > 1 ? `, and ${replies.length - 1} more` : "";
  return briefOf(first) + more;
}

/** "option 51 (IpAddressLeaseTime): ours 43200, recorded 7200". */
function differenceText({ field, ours, recorded }: Difference): string {
  const code = /^option (\d+)$/.exec(field)?.[1];
  const name = code === undefined ? field : optionName(Number(code));
  return printable(`${name}: ours ${valueText(ours)}, recorded ${valueText(recorded)}`);
}

function valueText(value: Difference["ours"]): string {
  if (value === null) return "none";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
