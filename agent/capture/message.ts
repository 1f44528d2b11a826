import type { Octets } from "../../protocols/wire/octets.ts";
import { Status, statusName } from "../../protocols/wire/status.ts";
import type { CapturedFrame } from "./captured-frame.ts";

/** The innermost protocol of a message. TCP, ICMP and other things in IPv4 are "ipv4"; IPv6 that is not UDP is "ethernet". */
export type Protocol =
  | "arp"
  | "rarp"
  | "dhcp"
  | "tftp"
  | "portmap"
  | "bootparams"
  | "mount"
  | "nfs"
  | "rpc"
  | "mdns"
  | "udp"
  | "ipv4"
  | "ethernet";

/** What a field may hold: everything that JSON can say. */
export type FieldValue =
  | string
  | number
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [name: string]: FieldValue };

/** Fields by the names of the protocol's RFC, in the order of the wire. */
export type Fields = Record<string, FieldValue>;

/** One message of a capture, as `decode` prints it. */
export interface DecodedMessage {
  /** Number of the frame that the message is in; of the last one when it is in several. */
  readonly frame: number;
  readonly time: string | null;
  readonly protocol: Protocol;
  readonly status: string;
  readonly fields: Fields;
  /** Who sent it: "192.168.77.21:1024", or a MAC below IP. Not part of the JSON form. */
  readonly from: string;
  readonly to: string;
}

/** The JSON form of a message: one line of `decode --json`, without the line feed. */
export function messageJson(m: DecodedMessage): string {
  const { frame, time, protocol, status, fields } = m;
  return JSON.stringify({ frame, time, protocol, status, fields });
}

/** What is found wrong with a message of which the end is missing. */
const ENDS_EARLY: ReadonlySet<Status> = new Set([Status.Ok, Status.BadLength, Status.BadText]);

/** How a sink is made. */
export interface SinkOptions {
  /** Whether file data and undecoded octets are given in full; otherwise only their lengths. */
  readonly octets: boolean;
}

/** Where the dissectors put what they find: stamps each message with its frame and its peers. */
export class MessageSink {
  readonly octets: boolean;
  /** Set while the octets at hand are fewer than were sent: no message is "ok" then. */
  cut = false;
  from = "";
  to = "";
  nowMs = 0;
  /** Messages given so far. */
  count = 0;
  private frame = 0;
  private time: string | null = null;
  private readonly give: (message: DecodedMessage) => void;

  constructor(give: (message: DecodedMessage) => void, options: SinkOptions) {
    this.give = give;
    this.octets = options.octets;
  }

  /** What is put from now on belongs to this frame. */
  begin(frame: CapturedFrame): void {
    this.frame = frame.number;
    this.time = frame.timeText();
    // Frames of a merged capture may go back in time; limits need a clock that does not.
    this.nowMs = Math.max(this.nowMs, frame.timeMs);
    this.cut = false;
    this.from = "";
    this.to = "";
  }

  put(protocol: Protocol, status: Status, fields: Fields): void {
    const { frame, time, from, to } = this;
    const shown = this.cut && ENDS_EARLY.has(status) ? Status.Truncated : status;
    this.count += 1;
    this.give({ frame, time, protocol, status: statusName(shown), fields, from, to });
  }

  /** Octets that may be long (file data, arguments of unknown procedures): hex, or nothing when they were not asked for. */
  bulk(o: Octets, at: number, len: number): string | null {
    return this.octets ? hexOf(o, at, len) : null;
  }
}

/** Octets as lower-case hex without spaces. */
export function hexOf(o: Octets, at: number, len: number): string {
  const { buffer, byteOffset } = o.u8;
  return Buffer.from(buffer, byteOffset + at, len).toString("hex");
}

/** Text up to the first NUL. */
export function toNul(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}
