import { TftpOpcode } from "../../protocols/tftp/packet.ts";
import { parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { JournalNote } from "../log/journal.ts";
import { decideFile } from "../plan/boot-plan.ts";
import type { OpenExchange } from "./exchange.ts";
import { addressOf, fieldOf, type ReplayMessage } from "./message.ts";
import type { NfsTranslation } from "./nfs-translation.ts";
import type { ReplayAgent } from "./replay-agent.ts";

/** Gives the requests of a frame the reasons that the agent journalled for them. */
export function explain(open: readonly OpenExchange[], journalled: readonly JournalNote[]): void {
  const told = journalled.filter(({ outcome }) => outcome !== "progress");
  const notes = told.length > 0 ? told : journalled;
  for (const [i, { request, why }] of open.entries()) {
    const own = notes.length === open.length ? notes.slice(i, i + 1) : notes;
    if (request.protocol === "tftp" && fieldOf(request, "opcode") === TftpOpcode.Error) {
      why.push("an error is not answered");
    }
    for (const { decision, outcome } of own) {
      why.push(outcome === "failed" ? `failed: ${decision}` : decision);
    }
  }
}

/** The reason for an answer, or for none, of which the journal says nothing. */
export function reasonFor(
  request: ReplayMessage,
  answered: boolean,
  agent: ReplayAgent,
  nfs: NfsTranslation,
): string {
  const { protocol, status } = request;
  if (status !== "ok") return `it is damaged: ${status}`;
  if (protocol === "tftp") {
    const name = fieldOf(request, "filename");
    const plan = agent.context.planner.byIp(parseIpv4(addressOf(request.from)) ?? 0);
    if (typeof name === "string" && plan) return decideFile(plan, name).why;
    return answered ? "the transfer goes on" : "the transfer has nothing to send now";
  }
  if (!answered && !agent.rpcPorts.has(Number(fieldOf(request, "prog") ?? 0))) {
    return "no service of ours has it";
  }
  if (!answered) return "octets in front of it are missing from the capture";
  const isNull = fieldOf(request, "procName") === "NULL";
  if (isNull || protocol !== "nfs") return `${protocol} says this to every machine of the site`;
  const handle = fieldOf(request, "fhandle") ?? fieldOf(request, "dir");
  return typeof handle === "string" && nfs.handle(handle) === undefined
    ? "the capture does not show where this file handle comes from"
    : "its root answers";
}
