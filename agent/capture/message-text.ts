import type { DecodedMessage, Fields, FieldValue } from "./message.ts";
import { messageSummary } from "./message-summary.ts";

const WIDTH = 96;
const INDENT = "        ";
const SECONDS_LEN = "2000-01-01T00:00:00.000000Z".length;

/** Octets beyond this are cut from a field's text; `--json` has all of them. */
const MAX_VALUE_LEN = 160;
/** Of a list, the first so many items are shown. */
const MAX_ITEMS = 40;

/**
 * A message as text: a line that says what it is, and indented lines with its fields.
 *
 *         12  2024-01-02 10:00:00.123456  tftp RRQ  192.168.77.21:1024 > 192.168.77.1:69
 *             opcode=1 filename=pxelinux.0 mode=octet options: blksize=1408
 */
export function messageText(m: DecodedMessage): string {
  const time =
    m.time === null ? "-".padEnd(SECONDS_LEN - 1) : m.time.replace("T", " ").slice(0, -1);
  const status = m.status === "ok" ? "" : `  [${m.status}]`;
  const peers = m.from === "" ? "" : `  ${m.from} > ${m.to}`;
  const summary = messageSummary(m);
  const what = summary === "" ? m.protocol : `${m.protocol} ${summary}`;
  const head = `${String(m.frame).padStart(6)}  ${time}  ${what}${peers}${status}\n`;
  const words: string[] = [];
  addWords(m.fields, words);
  return head + wrap(words);
}

/**
 * Adds name=value for every field to `list`; the items of a list and the members of an object are words of their own, to be
 * wrapped. Of an object, the first word begins and the last one ends with its brace.
 */
function addWords(fields: Fields, list: string[]): void {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (typeof value === "number") list.push(`${name}=${value}`);
    else if (value === null || value === undefined) continue;
    else if (isList(value)) list.push(`${name}:`, ...items(value));
    else if (typeof value !== "object" || isTime(value)) list.push(`${name}=${show(value)}`);
    else {
      const first = list.length;
      addWords(value, list);
      if (list.length === first) list.push("");
      list[first] = `${name}={${list[first]}`;
      list[list.length - 1] += "}";
    }
  }
}

function items(list: readonly FieldValue[]): string[] {
  if (list.length === 0) return ["none"];
  const shown = list.slice(0, MAX_ITEMS).map(show);
  return list.length > MAX_ITEMS ? [...shown, `… ${list.length} in all`] : shown;
}

function show(value: FieldValue): string {
  if (typeof value === "string") return showText(value);
  if (value === null || typeof value !== "object") return String(value);
  if (isList(value)) return value.map(show).join("=");
  if (isTime(value)) return `${value.seconds}.${String(value.useconds).padStart(6, "0")}`;
  const { code, hex } = value as { code?: number; hex?: string };
  if (code !== undefined && hex !== undefined) return `${code}=${showOption(hex)}`;
  const words: string[] = [];
  addWords(value, words);
  return `{${words.join(" ")}}`;
}

/** The value of a DHCP option: as text when it is nothing else, as hex otherwise. */
function showOption(hex: string): string {
  const text = Buffer.from(hex, "hex").toString("latin1").replace(/\0+$/, "");
  return PRINTABLE.test(text) ? JSON.stringify(text) : shorten(hex);
}

/** At least three characters of ASCII: fewer are a number more often than a word. */
const PRINTABLE = /^[ -~]{3,}$/;

function shorten(text: string): string {
  return text.length > MAX_VALUE_LEN ? `${text.slice(0, MAX_VALUE_LEN)}…` : text;
}

/** A time of NFS. */
function isTime(value: Fields): value is { seconds: number; useconds: number } {
  return "useconds" in value;
}

function isList(value: FieldValue): value is readonly FieldValue[] {
  return Array.isArray(value);
}

/** What peers sent is shown so that it cannot steer the terminal and cannot pretend to be another field. */
function showText(text: string): string {
  const cut = shorten(text);
  return /^[\w.:/@%+,()*~-]+…?$/.test(cut)
    ? cut
    : JSON.stringify(cut).replace(UNPRINTABLE, escapeMark);
}

/** Controls that JSON leaves alone, and marks that turn the direction of writing. */
const UNPRINTABLE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

function escapeMark(c: string): string {
  return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Fills indented lines up to the width; a word that is longer has a line of its own. */
function wrap(list: readonly string[]): string {
  let text = "";
  let line = "";
  for (const item of list) {
    if (line !== "" && INDENT.length + line.length + 1 + item.length > WIDTH) {
      text += `${INDENT}${line}\n`;
      line = "";
    }
    line += line === "" ? item : ` ${item}`;
  }
  return line === "" ? text : `${text}${INDENT}${line}\n`;
}
