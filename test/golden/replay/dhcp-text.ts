import { createHash } from "node:crypto";
import type { Fields } from "../../../agent/capture/message.ts";
import { messageText } from "../../../agent/capture/message-text.ts";
import { briefOf } from "../../../agent/replay/brief.ts";
import type { Exchange } from "../../../agent/replay/exchange.ts";
import { fieldOf, type ReplayMessage } from "../../../agent/replay/message.ts";
import type { DhcpReplay, SentReply } from "./dhcp-replay.ts";

const INDENT = "        ";
const DIGEST_LEN = 16;
/** Header fields that are not shown where they have these values; the digest covers them. */
const USUAL: readonly Fields[] = [
  { op: 2, htype: 1, hlen: 6, hops: 0, secs: 0, flags: 0, sname: "", file: "" },
  { ciaddr: "0.0.0.0", yiaddr: "0.0.0.0", siaddr: "0.0.0.0", giaddr: "0.0.0.0" },
];

/**
 * Who asked for an address and what our agent said, word for word.
 *
 * A question that another card, or the same one later, asked with the same answer is one line: what differs is the xid, the card and
 * the address, and the digest. So perfdhcp's ten clients take no more room than one.
 */
export function repliesText({ mode, exchanges, sent }: DhcpReplay): string {
  let text = `== ${mode} ==\n`;
  const told = new Map<string, number>();
  for (const exchange of exchanges) {
    const { frame } = exchange.request;
    const replies = sent.filter((reply) => reply.frame === frame);
    const what = body(exchange, replies);
    const same = withoutNames(briefOf(exchange.request) + what, exchange);
    const before = told.get(same);
    const head = `${String(frame).padStart(6)}  ${card(exchange.request)}: ${briefOf(exchange.request)}`;
    if (before === undefined) text += `${head}\n${what}`;
    else text += `${head}: as frame ${before}${short(exchange, replies)}\n`;
    if (before === undefined) told.set(same, frame);
  }
  return text;
}

/** The hardware address that a request is about. */
export function card({ protocol, fields }: ReplayMessage): string {
  return String(fieldOf({ fields }, protocol === "rarp" ? "tha" : "chaddr"));
}

function body({ why, ours }: Exchange, replies: readonly SentReply[]): string {
  const lines = [`${INDENT}why: ${why}\n`];
  if (replies.length === 0) lines.push(`${INDENT}silence\n`);
  for (const [i, reply] of replies.entries()) {
    const { srcPort, to } = reply;
    const route = to === "" ? "" : `, from port ${srcPort} to ${to}`;
    lines.push(`${INDENT}${size(reply)}, ${cardOf(reply)}${route}\n`);
    const message = ours[i];
    if (message) lines.push(fieldsText(message));
  }
  return lines.join("");
}

function cardOf({ card: to }: SentReply): string {
  return to === "" ? "by the kernel" : `to ${to}`;
}

function size({ octets }: SentReply): string {
  const digest = createHash("sha256").update(octets).digest("hex").slice(0, DIGEST_LEN);
  return `${octets.length} octets ${digest}`;
}

function short({ ours }: Exchange, replies: readonly SentReply[]): string {
  const [address] = ours.map((m) => fieldOf(m, "yiaddr") ?? fieldOf(m, "tpa"));
  const said = address === undefined ? "" : `, ${String(address)}`;
  return (said === ", 0.0.0.0" ? "" : said) + replies.map((reply) => `, ${size(reply)}`).join("");
}

/** The first line says which message it is, the others its fields, as `decode` shows them. */
function fieldsText({ frame, time, protocol, status, from, to, fields }: ReplayMessage): string {
  if (protocol === "http") return "";
  const shown = Object.entries(fields).filter(
    ([name, value]) => !USUAL.some((usual) => usual[name] === value),
  );
  const text = messageText({
    frame,
    time,
    protocol,
    status,
    from,
    to,
    fields: Object.fromEntries(shown),
  });
  return text.slice(text.indexOf("\n") + 1);
}

/** Without what tells one client from another: its card, also as option 61, the xid, its address and its name. */
function withoutNames(text: string, { request, ours }: Exchange): string {
  const bare = text.replace(/ octets [0-9a-f]+/g, " octets").replace(/xid=\d+/g, "xid");
  const mac = card(request);
  const [name = ""] = /(?<=\b12=")[^"]+/.exec(text) ?? [];
  const address = ours[0] && fieldOf(ours[0], "yiaddr");
  const own = [mac, mac.replaceAll(":", ""), name, address].filter(
    (word) => typeof word === "string" && word !== "" && word !== "0.0.0.0",
  );
  return own
    .reduce<string>((rest, word) => rest.replaceAll(String(word), "its own"), bare)
    .replace(/\s+/g, " ");
}
