import { execFile, execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { promisify } from "node:util";
import { captureFrames } from "../../agent/capture/capture-reader.ts";
import { Dissector } from "../../agent/capture/dissector.ts";
import type { DecodedMessage } from "../../agent/capture/message.ts";
import { at, FIELDS, RPC_PROTOCOLS } from "./tshark-fields.ts";

const run = promisify(execFile);

/** Stands between the values of one field and between the fields of a frame in what tshark prints: in no text of a boot. */
const VALUE_END = "\u0001";
const FIELD_END = "\u0002";
const OUTPUT_MAX = 256 * 1024 * 1024;

/** A place where tshark and we differ. */
export interface Difference {
  readonly frame: number;
  readonly field: string;
  readonly tshark: string;
  readonly ours: string;
}

/** The result of a comparison. */
export interface Comparison {
  /** Our messages of the protocols that are compared. */
  readonly messages: number;
  /** Values that were compared. */
  readonly values: number;
  readonly differences: readonly Difference[];
  /** Frames in which we see RPC and tshark sees none. */
  readonly onlyOurs: readonly number[];
}

/** Whether there is a tshark to compare with. */
export function hasTshark(): boolean {
  try {
    execFileSync("tshark", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Everything that we find in a capture. */
export async function decodeCapture(file: string): Promise<DecodedMessage[]> {
  const messages: DecodedMessage[] = [];
  const dissector = new Dissector((message) => messages.push(message), { octets: true });
  for await (const frame of captureFrames(createReadStream(file))) dissector.frame(frame);
  dissector.end();
  return messages;
}

/**
 * Compares our fields with tshark's, frame by frame, in the order in which they occur.
 *
 * What is compared is in the tables below; their comments say where the two see things differently on purpose.
 */
export async function compareWithTshark(file: string): Promise<Comparison> {
  const [messages, rows] = await Promise.all([decodeCapture(file), tsharkRows(file)]);
  const byFrame = new Map<number, DecodedMessage[]>();
  for (const message of messages) {
    const list = byFrame.get(message.frame);
    if (list === undefined) byFrame.set(message.frame, [message]);
    else list.push(message);
  }
  const differences: Difference[] = [];
  const onlyOurs: number[] = [];
  let values = 0;
  for (const row of rows) {
    const frame = Number(row.get("frame.number")?.[0]);
    // What an ICMP error quotes is shown by tshark as if it were sent.
    const layers = row.get("frame.protocols")?.[0]?.split(":") ?? [];
    if (layers.includes("icmp")) continue;
    // The beginning of a message of which the capture lacks the rest is shown by us alone.
    const ours = (byFrame.get(frame) ?? []).filter(
      (m) => PROTOCOLS.has(m.protocol) && m.status !== "truncated",
    );
    if (!row.has("rpc.xid") && ours.some((m) => RPC_PROTOCOLS.has(m.protocol))) {
      onlyOurs.push(frame);
      continue;
    }
    const isNewerNfs = ours.some((m) => m.protocol === "nfs" && at(m.fields, "vers") !== 2);
    for (const [field, read] of FIELDS) {
      if (isNewerNfs && field.startsWith("nfs.")) continue;
      if (TSHARK_ELSEWHERE.get(field)?.(row)) continue;
      const theirs = row.get(field) ?? [];
      // A procedure of a version that it does not know is shown twice.
      if (field === "rpc.procedure" && theirs.length > (row.get("rpc.xid")?.length ?? 0)) continue;
      const tshark = (TSHARK_HABITS.get(field)?.(theirs) ?? theirs).map(normal);
      const mine = ours.flatMap((m) => read(m.fields, m)).map((v) => normal(String(v)));
      values += mine.length;
      if (REPEATED.has(field) && isSameSet(tshark, mine)) continue;
      if (tshark.join(VALUE_END) === mine.join(VALUE_END)) continue;
      differences.push({ frame, field, tshark: tshark.join(" "), ours: mine.join(" ") });
    }
  }
  const compared = messages.filter((m) => PROTOCOLS.has(m.protocol)).length;
  return { messages: compared, values, differences, onlyOurs };
}

const PROTOCOLS: ReadonlySet<string> = new Set([
  "arp",
  "rarp",
  "dhcp",
  "tftp",
  "rpc",
  "portmap",
  "bootparams",
  "mount",
  "nfs",
]);

/** The client identifier (61) repeats the hardware type and address, and tshark gives them the same names. */
const firstOnly = (values: readonly string[]): readonly string[] => values.slice(0, 1);

/** Shown once or twice by tshark, as it knows the procedure or does not. */
const REPEATED: ReadonlySet<string> = new Set(["rpc.programversion"]);

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every((v) => b.includes(v)) && b.every((v) => a.includes(v));
}

/** Where tshark shows more than the field that is meant. */
const TSHARK_HABITS: ReadonlyMap<string, (values: readonly string[]) => readonly string[]> =
  new Map([
    ["dhcp.hw.type", firstOnly],
    ["dhcp.hw.mac_addr", firstOnly],
    // It names an empty field.
    ["nfs.data", (values: readonly string[]) => values.map((v) => (v === "<MISSING>" ? "" : v))],
    // Pad (0) and end (255) are in its list; for us they are not options.
    [
      "dhcp.option.type",
      (values: readonly string[]) => values.filter((v) => v !== "0" && v !== "255"),
    ],
  ]);

const isNoTftp = (opcode?: string) => (row: ReadonlyMap<string, readonly string[]>) =>
  opcode === undefined ? !row.has("tftp.opcode") : row.get("tftp.opcode")?.[0] !== opcode;

/** Frames in which a field of tshark is something else, or repeats what another frame said. */
const TSHARK_ELSEWHERE: ReadonlyMap<
  string,
  (row: ReadonlyMap<string, readonly string[]>) => boolean
> = new Map([
  // It repeats the file's name in all packets of a transfer.
  ["tftp.source_file", isNoTftp("1")],
  ["tftp.destination_file", isNoTftp("2")],
  // Of all that it does not know, this is the length; here, that of a block.
  ["data.len", isNoTftp()],
]);

/** Numbers are compared as numbers, whatever base they are printed in; hex without colons, as we write it. */
function normal(text: string): string {
  if (/^0x[0-9a-f]+$/.test(text) || /^\d{1,15}$/.test(text)) return String(Number(text));
  return text.replace(/^([0-9a-f]{2})(:[0-9a-f]{2}){16,}$/, (hex) => hex.replaceAll(":", ""));
}
/** One map of field to values for every frame. */
async function tsharkRows(file: string): Promise<Map<string, string[]>[]> {
  const names = ["frame.number", "frame.protocols", ...FIELDS.keys()];
  const args = ["-n", "-r", file, "-T", "fields", "-E", "occurrence=a"];
  args.push("-E", `aggregator=${VALUE_END}`, "-E", `separator=${FIELD_END}`);
  for (const name of names) args.push("-e", name);
  const { stdout } = await run("tshark", args, { maxBuffer: OUTPUT_MAX });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const columns = line.split(FIELD_END);
      const row = new Map<string, string[]>();
      for (const [i, name] of names.entries()) {
        const text = columns[i] ?? "";
        if (text !== "") row.set(name, text.split(VALUE_END));
      }
      return row;
    });
}
