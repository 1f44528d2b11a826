import { DhcpMessageType, DhcpOption, messageTypeName } from "../../protocols/dhcp/options.ts";
import { TftpOpcode } from "../../protocols/tftp/packet.ts";
import type { Fields, FieldValue } from "../capture/message.ts";
import { printableCut } from "../log/printable.ts";
import { fieldOf, type ReplayMessage } from "./message.ts";
import { optionValue } from "./option-text.ts";

const MAX_LEN = 160;

/** A message in a few words, for people. What peers sent is shown so that it cannot steer the terminal. */
export function briefOf(m: ReplayMessage): string {
  const text = `${words(m)}${m.status === "ok" ? "" : ` [${m.status}]`}`;
  return printableCut(text, MAX_LEN);
}

function words({ protocol, fields }: ReplayMessage): string {
  switch (protocol) {
    case "rarp":
      return fieldOf({ fields }, "op") === 3
        ? `who is ${text(fieldOf({ fields }, "tha"))}?`
        : `${text(fieldOf({ fields }, "tha"))} is ${text(fieldOf({ fields }, "tpa"))}, says ${text(fieldOf({ fields }, "spa"))}`;
    case "dhcp":
      return dhcpWords(fields);
    case "tftp":
      return tftpWords(fields);
    case "http":
      return httpWords(fields);
    default:
      return rpcWords(fields);
  }
}

function dhcpWords(fields: Fields): string {
  const type = fieldOf({ fields }, "messageType");
  const isReply = fieldOf({ fields }, "op") === 2;
  const said = ["BOOTP", isReply ? "reply" : "request"].join(" ");
  const parts = [typeof type === "number" ? messageTypeName(type) : said];
  if (isReply && type !== DhcpMessageType.Nak) parts.push(text(fieldOf({ fields }, "yiaddr")));
  if (fieldOf({ fields }, "file") !== "" && fieldOf({ fields }, "file") !== undefined) {
    parts.push(`file "${text(fieldOf({ fields }, "file"))}"`);
  }
  for (const option of list(fieldOf({ fields }, "options"))) {
    const { code, hex } = option as { readonly code: number; readonly hex: string };
    if (code === DhcpOption.RootPath && isReply) parts.push(`root "${optionValue(code, hex)}"`);
    if (code === DhcpOption.VendorClassIdentifier && !isReply) {
      parts.push(`class "${optionValue(code, hex)}"`);
    }
  }
  return parts.join(", ");
}

function tftpWords(fields: Fields): string {
  const options = list(fieldOf({ fields }, "options"))
    .map((option) => list(option).map(text).join(" "))
    .join(", ");
  const withOptions = options === "" ? "" : ` (${options})`;
  switch (fieldOf({ fields }, "opcode")) {
    case TftpOpcode.Rrq:
      return `read "${text(fieldOf({ fields }, "filename"))}"${withOptions}`;
    case TftpOpcode.Wrq:
      return `write "${text(fieldOf({ fields }, "filename"))}"${withOptions}`;
    case TftpOpcode.Data:
      return `DATA ${text(fieldOf({ fields }, "block"))}, ${text(fieldOf({ fields }, "dataLength"))} octets`;
    case TftpOpcode.Ack:
      return `ACK ${text(fieldOf({ fields }, "block"))}`;
    case TftpOpcode.Oack:
      return `OACK${withOptions}`;
    default:
      return `ERROR ${text(fieldOf({ fields }, "errorCode"))} "${text(fieldOf({ fields }, "errorMessage"))}"`;
  }
}

function httpWords(fields: Fields): string {
  if (fieldOf({ fields }, "status") === undefined)
    return `${text(fieldOf({ fields }, "method"))} ${text(fieldOf({ fields }, "target"))}`;
  return `status ${text(fieldOf({ fields }, "status"))}, ${text(fieldOf({ fields }, "bodyLength"))} octets`;
}

/** What tells one call or reply from another; attributes and credentials are for `--json`. */
const SHOWN: ReadonlySet<string> = new Set([
  "dir",
  "name",
  "dirpath",
  "path",
  "client",
  "client_name",
  "domain_name",
  "offset",
  "count",
  "dataLength",
  "status",
  "port",
  "low",
  "high",
  "client_address",
  "fileid",
  "server_name",
]);

/** Arguments and results that are structures of their own. */
const NESTED: readonly string[] = ["mapping", "rpcb", "call_args", "res", "args"];

function nested(value: FieldValue | undefined): Fields[] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  const fields = value as Fields;
  return [fields, ...NESTED.flatMap((name) => nested(fields[name]))];
}

function rpcWords(fields: Fields): string {
  const { procName, prog, vers, proc } = fields;
  const call = procName === undefined ? `procedure ${text(proc)} of ${text(prog)}` : text(procName);
  const parts = [`${call} v${text(vers)}`];
  if (fieldOf({ fields }, "type") === 1) {
    const { replyStat, acceptStat } = fields;
    if (replyStat !== 0) parts.push("denied");
    else if (acceptStat !== 0) parts.push(`refused (accept_stat ${text(acceptStat)})`);
  }
  const inner = [fields, ...NESTED.flatMap((name) => nested(fields[name]))];
  for (const [name, value] of inner.flatMap(Object.entries<FieldValue>)) {
    if (!SHOWN.has(name) || value === undefined || value === null || typeof value === "object")
      continue;
    if (name === "dir" && String(value).length === 64) continue; // a file handle says nothing to people
    parts.push(`${name} ${typeof value === "string" ? `"${value}"` : String(value)}`);
  }
  return parts.join(", ");
}

function list(value: FieldValue | undefined): readonly FieldValue[] {
  return Array.isArray(value) ? (value as readonly FieldValue[]) : [];
}

function text(value: FieldValue | undefined): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
}
