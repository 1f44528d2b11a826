import { CONTROL_PORT } from "../../control/messages.ts";
import type { FoundAgent } from "../../discovery/services.ts";
import { printable, printableCut } from "../../log/printable.ts";
import { paint, type Style, toWidth } from "../lab/paint.ts";
import { wrapped } from "../words.ts";
import type { SaidStatus } from "./ask-status.ts";

const COLUMNS = 80;
const GAP = "  ";
/** The widest that a column becomes; together with their gaps they are 80 wide. */
const WIDEST = { name: 19, board: 11, address: 21, site: 9 } as const;
const STATE_WIDTH = "unconfigured".length;

/** An agent as the table shows it, whatever the number of interfaces that it was heard on. */
export interface AgentRow {
  readonly agent: FoundAgent;
  /** Of all interfaces, IPv4 first. */
  readonly addresses: readonly string[];
  /** Where it was heard; empty by unicast DNS. */
  readonly interfaces: readonly string[];
  /** Undefined: it was not asked, or did not answer. */
  readonly status: SaidStatus | undefined;
  /** What is wrong with its identity. */
  readonly alarm: string | undefined;
}

/** One row for each agent: the same instance name and fingerprint are one. */
export function mergeAgents(
  found: readonly FoundAgent[],
): readonly Pick<AgentRow, "agent" | "addresses" | "interfaces">[] {
  const rows = new Map<string, { agent: FoundAgent; addresses: string[]; interfaces: string[] }>();
  for (const agent of found) {
    const key = `${agent.fingerprint} ${agent.instance}`;
    const row = rows.get(key) ?? { agent, addresses: [], interfaces: [] };
    rows.set(key, row);
    for (const a of agent.addresses) if (!row.addresses.includes(a)) row.addresses.push(a);
    const { interface: name } = agent;
    if (name !== undefined && !row.interfaces.includes(name)) row.interfaces.push(name);
  }
  const order = (a: { agent: FoundAgent }, b: { agent: FoundAgent }): number =>
    a.agent.instance < b.agent.instance ? -1 : 1;
  return [...rows.values()].sort(order).map((row) => ({
    ...row,
    addresses: row.addresses.sort((a, b) => Number(a.includes(":")) - Number(b.includes(":"))),
  }));
}

/**
 * The rows as a table of 80 columns.
 *
 *     NAME   BOARD  ADDRESS        SITE   STATE         BOOTING
 *     rack7  rpi-4  192.168.77.21  rack7  serving       2
 */
export function tableLines(rows: readonly AgentRow[], colour: boolean): readonly string[] {
  const cells = rows.map(cellsOf);
  const width = (key: keyof typeof WIDEST): number =>
    Math.min(WIDEST[key], Math.max(key.length, ...cells.map((c) => [...c[key]].length)));
  const widths = {
    name: width("name"),
    board: width("board"),
    address: width("address"),
    site: width("site"),
  };
  const line = (c: Cells, style: Style | undefined): string => {
    const state = toWidth(c.state, STATE_WIDTH);
    return [
      toWidth(c.name, widths.name),
      toWidth(c.board, widths.board),
      toWidth(c.address, widths.address),
      toWidth(c.site, widths.site),
      style === undefined ? state : paint(state, style, colour),
      c.booting,
    ]
      .join(GAP)
      .trimEnd();
  };
  const head = { name: "NAME", board: "BOARD", address: "ADDRESS", site: "SITE" };
  const lines = [line({ ...head, state: "STATE", booting: "BOOTING" }, undefined)];
  for (const [i, row] of rows.entries()) {
    const c = cells[i];
    if (!c) continue;
    lines.push(line(c, styleOf(row.agent.state)));
    // What is cut cannot be copied: it is said in full below.
    if ([...c.name].length > widths.name) lines.push(`    name ${c.name}`);
    if (c.address.length > widths.address) lines.push(`    address ${c.address}`);
    if (row.alarm !== undefined) lines.push(...alarmLines(row.alarm, colour));
  }
  return lines;
}

/** One line of `--watch`. */
export function eventLine(
  event: "found" | "changed" | "lost",
  row: AgentRow,
  time: string,
  colour: boolean,
): string {
  const sign = { found: "+", changed: "~", lost: "-" }[event];
  const c = cellsOf(row);
  const state = event === "lost" ? "gone" : c.state;
  const style = event === "lost" ? "dim" : styleOf(row.agent.state);
  const text = `${time} ${sign} ${toWidth(c.name, WIDEST.name)} ${toWidth(c.board, WIDEST.board)}`;
  return `${text} ${c.address.padEnd(WIDEST.address)} ${paint(state, style, colour)}`;
}

/** For `--json`. */
export function rowJson(row: AgentRow): unknown {
  const { agent, addresses, interfaces, status, alarm } = row;
  const { interface: _, addresses: __, ...rest } = agent;
  const booting = status?.booting ?? null;
  return { ...rest, addresses, interfaces, booting, ...(alarm === undefined ? {} : { alarm }) };
}

interface Cells {
  readonly name: string;
  readonly board: string;
  readonly address: string;
  readonly site: string;
  readonly state: string;
  readonly booting: string;
}

function cellsOf(row: AgentRow): Cells {
  const { agent, addresses, status } = row;
  const [address = "-"] = addresses;
  const port = agent.port === CONTROL_PORT ? "" : `:${agent.port}`;
  const host = port !== "" && address.includes(":") ? `[${address}]` : address;
  return {
    name: printable(agent.instance),
    board: printableCut(agent.board === "" ? "-" : agent.board, 40),
    address: `${host}${port}`,
    site: printableCut(agent.site ?? "-", 40),
    state: agent.state,
    booting: status === undefined ? "?" : String(status.booting.length),
  };
}

function alarmLines(alarm: string, colour: boolean): readonly string[] {
  return wrapped(`  !! ${alarm}`, COLUMNS, 5).map((text) => paint(text, "bad", colour));
}

function styleOf(state: string): Style {
  if (state === "serving") return "good";
  return state === "degraded" ? "bad" : "dim";
}
