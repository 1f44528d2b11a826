import { TcpFlag } from "../../protocols/tcp/segment.ts";
import { Conversation, type ConversationEvents } from "./conversation.ts";
import type { HttpMessage } from "./http-reader.ts";
import type { ReplayMessage } from "./message.ts";
import type { NfsTranslation } from "./nfs-translation.ts";
import type { StreamEnds } from "./our-messages.ts";
import type { PacketReader } from "./packet.ts";
import type { ReplayAgent } from "./replay-agent.ts";

/** Connections that are followed at a time; the one that was used least recently makes room. */
const MAX_CONVERSATIONS = 256;

/** Whom the conversations tell. `key` names the connection. */
export interface ConversationsEvents {
  /** Stamps an HTTP message with the frame at hand. */
  http(who: "client" | "ours" | "recorded", key: string, message: HttpMessage): void;
  rpcBegin(ends: StreamEnds): void;
  rpcReply(ends: StreamEnds, octets: Uint8Array): void;
}

/** All TCP connections of a capture. */
export class Conversations {
  private readonly conversations: Map<string, Conversation> = new Map();
  private readonly ending: Conversation[] = [];
  private readonly agent: ReplayAgent;
  private readonly nfs: NfsTranslation;
  private readonly events: ConversationsEvents;

  constructor(agent: ReplayAgent, nfs: NfsTranslation, events: ConversationsEvents) {
    this.agent = agent;
    this.nfs = nfs;
    this.events = events;
  }

  /** Takes a segment between a client and the recorded server. `key` is the same for both directions. */
  take(p: PacketReader, fromServer: boolean, key: string): void {
    const { tcp } = p;
    const { flags } = tcp;
    const isSyn = (flags & TcpFlag.Syn) !== 0;
    let found = this.conversations.get(key);
    if (isSyn && !fromServer) {
      found?.end();
      found = undefined;
    }
    if (found === undefined) {
      if ((flags & TcpFlag.Rst) !== 0 || (p.len === 0 && !isSyn)) return;
      found = fromServer ? undefined : this.open(p, key);
      if (found === undefined) return;
    } else {
      this.conversations.delete(key);
      this.conversations.set(key, found);
    }
    const [sending, receiving] = fromServer
      ? [found.server, found.client]
      : [found.client, found.server];
    if ((flags & TcpFlag.Ack) !== 0) receiving.acknowledged(tcp.ack);
    const seq = isSyn ? (tcp.seq + 1) | 0 : tcp.seq;
    if (isSyn) sending.begin(seq);
    sending.take(seq, p.octets, p.at, p.len, p.lost);
    if ((flags & TcpFlag.Rst) !== 0) {
      found.end();
      this.conversations.delete(key);
    } else if ((flags & TcpFlag.Fin) !== 0) {
      if (fromServer) found.endServer();
      else this.ending.push(found);
    }
  }

  /** Closes our end where the client has closed its own; once our servers have taken what came before. */
  closeEnded(): void {
    for (const conversation of this.ending.splice(0)) conversation.endClient();
  }

  end(): void {
    for (const conversation of this.conversations.values()) conversation.end();
    this.conversations.clear();
  }

  private open(p: PacketReader, key: string): Conversation {
    const { src, srcPort, dstPort } = p;
    const { agent, events } = this;
    const inner: ConversationEvents = {
      connect: (port, give) => agent.tcp.connect(port, src, srcPort, give),
      // A program that we do not have is refused by the one that has its port.
      rpcPort: (prog) => agent.rpcPorts.get(prog) ?? (agent.tcp.has(dstPort) ? dstPort : undefined),
      httpRequest: (m) => events.http("client", key, m),
      httpResponse: (who, m) => events.http(who, key, m),
      rpcBegin: events.rpcBegin,
      rpcReply: events.rpcReply,
    };
    const opened = new Conversation(src, srcPort, this.nfs, inner);
    this.conversations.set(key, opened);
    if (this.conversations.size > MAX_CONVERSATIONS) this.dropOldest();
    return opened;
  }

  private dropOldest(): void {
    for (const [key, conversation] of this.conversations) {
      conversation.end();
      this.conversations.delete(key);
      return;
    }
  }
}

/** The fields of an HTTP message, as they are compared and shown. */
export function httpFields(m: HttpMessage): ReplayMessage["fields"] {
  const { startLine, bodyLen, sha256 } = m;
  const headers = Object.fromEntries(m.headers);
  const status = /^HTTP\/\d\.\d (\d{3})/.exec(startLine)?.[1];
  if (status === undefined) {
    const [method = "", target = ""] = startLine.split(" ");
    return { method, target, headers };
  }
  return { status: Number(status), headers, bodyLength: bodyLen, sha256: sha256 ?? null };
}
