import type { RemoteInfo, Socket } from "node:dgram";
import type { Packet } from "dns-packet";
import makeMdns, { type MulticastDNS } from "multicast-dns";
import type { Clock } from "../../link/clock.ts";
import { GuardedSocket, type MulticastSocket } from "./guarded-socket.ts";
import { type Link, OnLink, ownAddress } from "./links.ts";
import { type DnsRecord, readRecords, toAnswer } from "./record.ts";

/** RFC 6762 section 3. */
export const MDNS_PORT = 5353;
const GROUP = { 4: "224.0.0.251", 6: "ff02::fb" } as const;
/** TC (RFC 6762 section 18.5), as `dns-packet` has it in `flags`. */
const TRUNCATED = 0x0200;
/** RFC 6762 section 18.3: other operations are ignored. */
const OPCODE_MASK = 0x7800;
/** Class IN with the top bit, by which a question asks for a unicast answer, and ANY with it: the library knows neither. */
const UNICAST_CLASSES: ReadonlySet<unknown> = new Set(["UNKNOWN_32769", "UNKNOWN_33023"]);
const MAX_QUESTIONS = 100;

/** Counts of rubbish; `StatusCounters` is one. */
export interface Counters {
  add(protocol: string, status: string): void;
}

export interface Question {
  readonly name: string;
  /** "ANY" asks for all types. */
  readonly type: string;
  /** Whether a unicast answer is wanted (RFC 6762 section 5.4). */
  readonly unicast: boolean;
}

export interface Peer {
  /** IPv6 link-local with its zone. */
  readonly address: string;
  readonly port: number;
}

/** A message that was heard: of class IN, and of the types that DNS-SD needs. */
export interface Message {
  readonly kind: "query" | "response";
  readonly id: number;
  /** Further known answers follow in another message (RFC 6762 section 7.2). */
  readonly truncated: boolean;
  readonly questions: readonly Question[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
  readonly from: Peer;
}

/** A message to be sent. */
export interface Outgoing {
  readonly kind: "query" | "response";
  readonly id?: number;
  readonly questions?: readonly Pick<Question, "name" | "type">[];
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

/** Multicast DNS on one interface, by one family of addresses. */
export interface Lane {
  readonly link: Link;
  readonly family: 4 | 6;
  /** To the group, or to one peer. Resolves when the kernel has it, or when it is lost. */
  send(message: Outgoing, to?: Peer): Promise<void>;
  close(): Promise<void>;
}

export interface LaneHandlers {
  /** It can send and hear. */
  readonly ready: () => void;
  readonly message: (message: Message) => void;
  /** It does neither any more: what the system says. */
  readonly failed: (why: string) => void;
}

export interface LaneOptions {
  readonly counters: Counters;
  readonly clock: Clock;
  /** Opens a socket that is not bound yet. */
  readonly openSocket: (link: Link, family: 4 | 6) => MulticastSocket;
}

/**
 * Opens a lane; `link` must have an own address of the family.
 *
 * The socket is bound to the group's address. Over IPv6 that binds it to the interface too. Over IPv4 Linux hands it what any
 * interface brings in for the group, so who is not in one of the link's prefixes is not heard.
 */
export function openLane(
  link: Link,
  family: 4 | 6,
  handlers: LaneHandlers,
  options: LaneOptions,
): Lane {
  const { counters, clock, openSocket } = options;
  const onLink = new OnLink(link);
  const guarded = new GuardedSocket(openSocket(link, family), {
    allows: (address) =>
      family === 4 ? onLink.has(address) : address.endsWith(`%${link.name}`) || onLink.has(address),
    rejected: (why) => counters.add("mdns", why),
    now: () => clock.now(),
  });
  const zone = family === 6 ? `%${link.name}` : "";
  const group = GROUP[family] + zone;
  const mdns: MulticastDNS = makeMdns({
    type: family === 4 ? "udp4" : "udp6",
    ip: GROUP[family],
    bind: group,
    interface: family === 4 ? ownAddress(link, 4) : `::${zone}`,
    // What it uses of a socket is what the guard has.
    socket: guarded as unknown as Socket,
  });
  let closed = false;
  const fail = (error: Error): void => {
    if (!closed) handlers.failed(error.message);
  };
  mdns.on("ready", () => {
    if (!closed) handlers.ready();
  });
  mdns.on("error", fail);
  mdns.on("warning", (error: Error) => {
    const { syscall } = error as NodeJS.ErrnoException;
    // A system call that failed is the interface's doing; all else is what could not be decoded.
    if (syscall === undefined) counters.add("mdns", "bad-length");
    else fail(error);
  });
  mdns.on("packet", (packet: Packet, from: RemoteInfo) => {
    if (closed) return;
    const message = readMessage(packet, from);
    if (message) handlers.message(message);
    else counters.add("mdns", "ignored");
  });
  return {
    link,
    family,
    send(message, to) {
      return new Promise((resolve) => {
        const done = (error?: Error | null): void => {
          if (error) counters.add("mdns", "send-failed");
          resolve();
        };
        if (closed) return done();
        const peer = to ?? { address: group, port: MDNS_PORT };
        const packet = toPacket(message);
        if (message.kind === "query") mdns.query(packet as never, peer, done);
        else mdns.respond(packet as never, peer, done);
      });
    },
    close() {
      closed = true;
      return new Promise((resolve) => mdns.destroy(() => resolve()));
    },
  };
}

function toPacket(message: Outgoing): Packet {
  return {
    id: message.id ?? 0,
    questions: (message.questions ?? []).map(
      ({ name, type }) => ({ name, type, class: "IN" }) as never,
    ),
    answers: (message.answers ?? []).map(toAnswer),
    authorities: (message.authorities ?? []).map(toAnswer),
    additionals: (message.additionals ?? []).map(toAnswer),
  };
}

/** Undefined for what must be ignored (RFC 6762 sections 6, 18.3). */
function readMessage(packet: Packet, from: RemoteInfo): Message | undefined {
  const flags = packet.flags ?? 0;
  const kind = packet.type === "response" ? "response" : "query";
  if ((flags & OPCODE_MASK) !== 0 || (flags & 0x000f) !== 0) return;
  if (kind === "response" && from.port !== MDNS_PORT) return;
  const questions: Question[] = [];
  for (const { name, type, class: of } of (packet.questions ?? []).slice(0, MAX_QUESTIONS)) {
    const unicast = UNICAST_CLASSES.has(of);
    if (unicast || of === "IN" || of === "ANY") questions.push({ name, type, unicast });
  }
  return {
    kind,
    id: packet.id ?? 0,
    truncated: (flags & TRUNCATED) !== 0,
    questions,
    answers: readRecords(packet.answers),
    authorities: readRecords(packet.authorities),
    additionals: readRecords(packet.additionals),
    from: { address: from.address, port: from.port },
  };
}
