import { CONTROL_PORT } from "../../control/messages.ts";
import type { FoundAgent } from "../../discovery/services.ts";
import { endpoint } from "../../link/endpoint.ts";
import { printable, printableCut } from "../../log/printable.ts";
import { paint, type Style, toWidth } from "../lab/paint.ts";
import { wrapped } from "../words.ts";
import type { SaidStatus } from "./ask-status.ts";

const COLUMNS = 80;
const GAP = "  ";
const STATE_WIDTH = "unconfigured".length;
const BOOTING_WIDTH = "BOOTING".length;
/** What the columns that give way may have together: all but STATE, BOOTING and five gaps. */
const ROOM: number = COLUMNS - STATE_WIDTH - BOOTING_WIDTH - 5 * GAP.length;
/** So narrow they become when there is not enough room. */
const NARROWEST = { name: 14, board: 8, address: 15, site: 6 } as const;
type Column = keyof typeof NARROWEST;
const COLUMN_NAMES: readonly Column[] = ["name", "board", "address", "site"];

/** Of a line of `--watch`. */
const EVENT_WIDTHS = { name: 18, board: 16, address: 16 } as const;

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
  const widths = widthsOf(cells);
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
  const text = `${time} ${sign} ${toWidth(c.name, EVENT_WIDTHS.name)} ${toWidth(c.board, EVENT_WIDTHS.board)}`;
  return `${text} ${c.address.padEnd(EVENT_WIDTHS.address)} ${paint(state, style, colour)}`;
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
  return {
    name: printable(agent.instance),
    board: printableCut(agent.board === "" ? "-" : agent.board, 40),
    address: agent.port === CONTROL_PORT ? address : endpoint(address, agent.port),
    site: printableCut(agent.site ?? "-", 40),
    state: agent.state,
    booting: status === undefined ? "?" : String(status.booting.length),
  };
}

/** As wide as what is in them; where that is too much, the one that is furthest above its least gives way. */
function widthsOf(cells: readonly Cells[]): Readonly<Record<Column, number>> {
  const natural = (column: Column): number =>
    Math.max(column.length, ...cells.map((c) => [...c[column]].length));
  const widths = {
    name: natural("name"),
    board: natural("board"),
    address: natural("address"),
    site: natural("site"),
  };
  const spare = (column: Column): number => widths[column] - NARROWEST[column];
  for (;;) {
    const sum = COLUMN_NAMES.reduce((total, column) => total + widths[column], 0);
    const [widest = "name"] = [...COLUMN_NAMES].sort((a, b) => spare(b) - spare(a));
    if (sum <= ROOM) return widths;
    widths[widest] -= Math.min(sum - ROOM, Math.max(1, spare(widest)));
  }
}

function alarmLines(alarm: string, colour: boolean): readonly string[] {
  return wrapped(`  !! ${alarm}`, COLUMNS, 5).map((text) => paint(text, "bad", colour));
}

function styleOf(state: string): Style {
  if (state === "serving") return "good";
  return state === "degraded" ? "bad" : "dim";
}
