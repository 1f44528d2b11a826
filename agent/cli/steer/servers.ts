import type { DhcpServers, ServerStatus } from "../../control/messages.ts";
import { print, printJson } from "../print.ts";
import { tableLines } from "../table.ts";
import { ageText, wrapped } from "../words.ts";
import { COLUMNS, type SteerContext, type SteerOptions, withAgent } from "./context.ts";

const TABLE = [
  { title: "ADDRESS" },
  { title: "GIVES" },
  { title: "SINCE", right: true },
  { title: "HEARD", right: true },
] as const;

const CONDUCTS: Readonly<Record<DhcpServers["conduct"], string>> = {
  all: "gives addresses: those that the site reserves, and those of its pools",
  reservations: "gives the addresses that the site reserves, and none of a pool",
  proxy: "gives no addresses, and says only what to boot",
  off: "answers no BOOTP and no DHCP",
};

/** `pilotlight servers`: who else answers DHCP there, and what the agent does about it. */
export async function listServers(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    const all = await agent.get("servers.list", {});
    if (options.json) printJson(context, { agent: agent.name, ...all });
    else {
      const { conduct, why, servers, mode } = all;
      const does = `${agent.name} ${CONDUCTS[conduct] ?? conduct}: ${why}.`;
      const rows = servers.map((server) => row(server, Date.now()));
      const lines =
        servers.length === 0
          ? ["No other DHCP server was heard."]
          : tableLines(TABLE, rows, COLUMNS);
      print(context, [...wrapped(does, COLUMNS, 0), "", ...lines]);
      if (mode === "auto" && servers.some(({ kept }) => kept)) {
        print(context, ["", "`pilotlight servers forget` when it is gone for good."]);
      }
    }
  });
}

/** `pilotlight servers forget`: the agent serves addresses as if it had seen nobody else. */
export async function forgetServer(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    const server = await agent.call("servers.forget", {});
    if (options.json) printJson(context, { agent: agent.name, server });
    else {
      const said = `${agent.name}: ${server.address} is forgotten. The agent gives the addresses that the site reserves, and asks whether somebody else does.`;
      print(context, wrapped(said, COLUMNS, 2));
    }
  });
}

function row(server: ServerStatus, nowMs: number): readonly string[] {
  const { address, givesAddresses, since, last } = server;
  return [
    address,
    givesAddresses ? "addresses" : "what to boot",
    age(since, nowMs),
    age(last, nowMs),
  ];
}

function age(time: string | undefined, nowMs: number): string {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(ms) ? "-" : ageText(ms, nowMs);
}
