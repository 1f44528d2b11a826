import type { MachinePlan, MachineStatus } from "../../control/messages.ts";
import { octetsText } from "../../log/timeline.ts";
import { print, printJson } from "../print.ts";
import { tableLines } from "../table.ts";
import { ageText, wrapped } from "../words.ts";
import { COLUMNS, type SteerContext, withAgent } from "./context.ts";
import type { MachineOptions } from "./override.ts";

const TABLE = [
  { title: "NAME", least: 8 },
  { title: "IP" },
  { title: "MAC" },
  { title: "PROFILE", least: 8 },
  { title: "NOW", least: 10 },
] as const;

const OFFERS = [
  { title: "FIRMWARE" },
  { title: "BOOTS", least: 12 },
  { title: "WHY", least: 20 },
] as const;
const FILES = [
  { title: "FILE", least: 20 },
  { title: "SIZE", right: true },
  { title: "STATE" },
] as const;

/** `pilotlight machines`: the machines of an agent, or what one of them is offered. */
export async function showMachines(
  context: SteerContext,
  target: string | undefined,
  named: string | undefined,
  options: MachineOptions,
): Promise<void> {
  const machine = named ?? options.machine;
  await withAgent(context, target, options, async (agent) => {
    if (machine !== undefined) {
      const plan = await agent.get("machines.plan", { machine });
      if (options.json) printJson(context, plan);
      else print(context, planLines(plan, Date.now()));
      return;
    }
    const { machines } = await agent.get("machines.list", {});
    await context.names.remember(agent.fingerprint, machines);
    if (options.json) printJson(context, { agent: agent.name, machines });
    else if (machines.length === 0) print(context, [`${agent.name} has no machines.`]);
    else print(context, machineLines(machines, Date.now()));
  });
}

function machineLines(machines: readonly MachineStatus[], nowMs: number): readonly string[] {
  const rows = machines.map((machine) => [
    machine.name,
    machine.ip,
    machine.mac,
    machine.profile ?? "-",
    nowText(machine, nowMs),
  ]);
  return tableLines(TABLE, rows, COLUMNS);
}

/** What is going on with a machine, the most important first: "booting", "held by eva", "next: rescue", "3 h ago: …". */
export function nowText(
  { booting, overrides, last, family }: MachineStatus,
  nowMs: number,
): string {
  const words: string[] = [];
  for (const override of overrides) {
    if (override.kind === "hold") words.push(`held by ${override.by}`);
    else words.push(`${override.taken ? "boots" : "next:"} ${override.profile}`);
  }
  if (booting) words.unshift("booting");
  if (words.length > 0) return words.join(", ");
  if (!last) return "never seen";
  const lastMs = Date.parse(last.time);
  const ago = Number.isNaN(lastMs) ? "?" : ageText(lastMs, nowMs);
  return `${ago} ago${family === null ? "" : `, ${family}`}`;
}

function planLines(plan: MachinePlan, nowMs: number): readonly string[] {
  const { machine, server, offers, files, root, bootparams } = plan;
  const lines: string[] = [
    `${machine.name}  ${machine.mac}  ${machine.ip}`,
    `  profile  ${machine.profile ?? "none"}`,
    `  now      ${nowText(machine, nowMs)}`,
    `  server   ${server}`,
  ];
  if (machine.last) {
    const { time, event, outcome } = machine.last;
    lines.push(...wrapped(`  last     ${time}: ${event} (${outcome})`, COLUMNS, 11));
  }
  if (root) lines.push(...wrapped(`  root     ${root.path}`, COLUMNS, 11));
  for (const [name, value] of Object.entries(bootparams)) {
    lines.push(...wrapped(`  bootparam ${name} = ${value}`, COLUMNS, 4));
  }
  if (offers.length > 0) {
    const rows = offers.map(({ family, bootFile, why }) => [family, bootFile ?? "nothing", why]);
    lines.push("", ...tableLines(OFFERS, rows, COLUMNS));
  }
  if (files.length > 0) {
    const rows = files.map(({ name, octets, state }) => [
      name,
      octets === null ? "-" : octetsText(octets),
      state,
    ]);
    lines.push("", ...tableLines(FILES, rows, COLUMNS));
  }
  return lines;
}
