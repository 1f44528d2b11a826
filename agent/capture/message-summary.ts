import { BOOTREPLY, messageTypeName } from "../../protocols/dhcp/options.ts";
import type { DecodedMessage, Fields } from "./message.ts";

const TFTP_NAMES: readonly string[] = ["", "RRQ", "WRQ", "DATA", "ACK", "ERROR", "OACK"];

const ARP_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "request"],
  [2, "reply"],
  [3, "reverse request"],
  [4, "reverse reply"],
]);

const ACCEPT_NAMES: readonly string[] = [
  "",
  "program unavailable",
  "program version mismatch",
  "procedure unavailable",
  "garbage arguments",
  "system error",
];

/** What a message is, in a few words: "DISCOVER", "RRQ", "READ reply". Empty where the protocol says it all. */
export function messageSummary({ protocol, fields }: DecodedMessage): string {
  switch (protocol) {
    case "dhcp":
      return num(fields, "op") === 0 ? "" : dhcpSummary(fields);
    case "tftp":
      return TFTP_NAMES[num(fields, "opcode")] ?? "";
    case "arp":
    case "rarp":
      return ARP_NAMES.get(num(fields, "op")) ?? "";
    case "portmap":
    case "bootparams":
    case "mount":
    case "nfs":
    case "rpc":
      return rpcSummary(fields);
    case "ipv4":
      return icmpSummary(fields);
    default:
      return "";
  }
}

/** A BOOTP message says by its operation alone which way it goes. */
function dhcpSummary(fields: Fields): string {
  const type = num(fields, "messageType");
  if (type > 0) return messageTypeName(type);
  return num(fields, "op") === BOOTREPLY ? "BOOTP reply" : "BOOTP request";
}

function rpcSummary(fields: Fields): string {
  const { procName, type, acceptStat, rejectStat } = fields as {
    readonly procName?: string;
    readonly type?: number;
    readonly acceptStat?: number;
    readonly rejectStat?: number;
  };
  if (type === undefined) return "";
  const name = procName === undefined ? "" : `${procName} `;
  if (type === 0) return `${name}call`;
  if (rejectStat !== undefined) return `${name}reply: denied`;
  const refusal =
    acceptStat === undefined ? "" : (ACCEPT_NAMES[acceptStat] ?? `accept_stat ${acceptStat}`);
  return refusal === "" ? `${name}reply` : `${name}reply: ${refusal}`;
}

function icmpSummary(fields: Fields): string {
  const { icmp, tcp } = fields as { icmp?: { name?: string }; tcp?: Fields };
  if (icmp?.name !== undefined) return `ICMP ${icmp.name}`;
  return tcp === undefined ? "" : "TCP";
}

function num(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === "number" ? value : 0;
}
