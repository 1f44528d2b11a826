import type { LeaseStatus, PoolStatus } from "../../control/messages.ts";
import { print, printJson } from "../print.ts";
import { tableLines } from "../table.ts";
import { ageText, count, durationText } from "../words.ts";
import { COLUMNS, type SteerContext, type SteerOptions, withAgent } from "./context.ts";

const TABLE = [
  { title: "ADDRESS" },
  { title: "MACHINE", least: 8 },
  { title: "MAC" },
  { title: "STATE" },
  { title: "LEFT", right: true },
  { title: "SINCE", right: true },
] as const;

/** `pilotlight leases`: who has which address. */
export async function listLeases(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    const { leases, pools, more } = await agent.get("leases.list", {});
    if (options.json) printJson(context, { agent: agent.name, leases, pools, more });
    else {
      const rows = leases.map((lease) => row(lease, Date.now()));
      const lines =
        leases.length === 0 ? [`${agent.name} gave no address.`] : tableLines(TABLE, rows, COLUMNS);
      const left = more === 0 ? [] : [`${count(more, "lease")} more: --json has no more either.`];
      print(context, [...lines, ...left, ...poolLines(pools)]);
    }
  });
}

/** `pilotlight leases release`: an address is given to whoever comes next. */
export async function releaseLease(
  context: SteerContext,
  lease: string,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    const after = await agent.call("leases.release", { lease });
    if (options.json) printJson(context, { agent: agent.name, lease: after });
    else {
      const who = nameOf(after);
      const whose = who === "-" ? after.mac : who;
      print(context, [
        `${agent.name}: ${after.address} is free${whose === "" ? "" : `; ${whose} is not told before it renews`}.`,
      ]);
    }
  });
}

function row(lease: LeaseStatus, nowMs: number): readonly string[] {
  const { address, mac, state, reserved, leftS, since } = lease;
  const sinceMs = since === undefined ? Number.NaN : Date.parse(since);
  return [
    address,
    nameOf(lease),
    mac === "" ? "-" : mac,
    reserved && state === "bound" ? "reserved" : state,
    leftText(state, leftS),
    state === "offered" || Number.isNaN(sinceMs) ? "-" : `${ageText(sinceMs, nowMs)}`,
  ];
}

function nameOf({ machine, hostname }: LeaseStatus): string {
  return machine ?? hostname ?? "-";
}

function leftText(state: LeaseStatus["state"], leftS: number | null): string {
  if (leftS === null) return "for ever";
  return state === "over" ? "-" : durationText(leftS);
}

/** "rack: 87 of 100 addresses free", for each that has any. */
function poolLines(pools: readonly PoolStatus[]): readonly string[] {
  const lines = pools
    .filter(({ size }) => size > 0)
    .map(({ network, size, free }) => `${network}: ${free} of ${size} addresses are free`);
  return lines.length === 0 ? [] : ["", ...lines];
}
