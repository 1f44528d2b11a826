import { RPC_CALL, RPC_VERSION } from "../../protocols/sunrpc/call.ts";
import { emitRecordMark, RECORD_MARK_LEN, RecordReader } from "../../protocols/sunrpc/record.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type HttpMessage, HttpReader } from "./http-reader.ts";
import type { NfsTranslation } from "./nfs-translation.ts";
import { OctetStream } from "./octet-stream.ts";
import type { StreamEnds } from "./our-messages.ts";
import type { ReplayConnection } from "./replay-tcp.ts";

/** An NFSv2 WRITE of 8 KiB with its headers; longer calls are of versions that we refuse by their head. */
const MAX_RECORD = 1_114_112;
/** A record mark and a call up to its program. */
const PEEK_LEN = RECORD_MARK_LEN + 16;
const HTTP_PORT = 80;
const NOTHING: Uint8Array = new Uint8Array(0);

/** What a conversation tells and asks of the replay. */
export interface ConversationEvents {
  /** Opens our end: the port mapped to ours, a connection of our server; undefined: it is turned away. */
  connect(port: number, give: (octets: Uint8Array) => void): ReplayConnection | undefined;
  /** Our port for an RPC program. */
  rpcPort(prog: number): number | undefined;
  httpRequest(message: HttpMessage): void;
  httpResponse(who: "ours" | "recorded", message: HttpMessage): void;
  rpcBegin(ends: StreamEnds): void;
  rpcReply(ends: StreamEnds, octets: Uint8Array): void;
}

type Kind = "unknown" | "http" | "rpc";

/**
 * One TCP connection of the capture: what the client sends goes to our server, what both servers send is read.
 *
 * What it carries shows in the client's first octets, so that a recorded server may have any port. Where octets of the client
 * are not in the capture, our connection is broken off, and the next request in step begins another.
 */
export class Conversation {
  readonly client: OctetStream;
  readonly server: OctetStream;
  private readonly events: ConversationEvents;
  private readonly nfs: NfsTranslation;
  private readonly remote: Ipv4;
  private readonly remotePort: number;
  private readonly records: RecordReader = new RecordReader(MAX_RECORD);
  private kind: Kind = "unknown";
  private peek: Uint8Array = NOTHING;
  private connection: ReplayConnection | undefined;
  private requests: HttpReader | undefined;
  private ours: HttpReader | undefined;
  private recorded: HttpReader | undefined;

  constructor(remote: Ipv4, remotePort: number, nfs: NfsTranslation, events: ConversationEvents) {
    this.remote = remote;
    this.remotePort = remotePort;
    this.nfs = nfs;
    this.events = events;
    this.client = new OctetStream({
      data: (octets) => this.takeClient(octets),
      gap: () => this.breakOff(),
    });
    this.server = new OctetStream({
      data: (octets) => this.recorded?.feed(octets),
      gap: (len) => this.recorded?.gap(len),
    });
  }

  /** The client has closed its direction. */
  endClient(): void {
    this.client.end();
    this.connection?.push(null);
    this.connection = undefined;
  }

  endServer(): void {
    this.server.end();
    this.recorded?.end();
  }

  /** The connection is over, or the capture is. */
  end(): void {
    this.client.end();
    this.endServer();
    this.breakOff();
  }

  private takeClient(octets: Uint8Array): void {
    if (this.kind === "unknown") {
      this.peek = Buffer.concat([this.peek, octets]);
      if (!this.recognise()) {
        // Neither: perhaps the rest of something of which the beginning is missing. The next segment may begin a request.
        if (this.peek.length >= PEEK_LEN) this.peek = NOTHING;
        return;
      }
      this.feed(this.peek);
      this.peek = NOTHING;
    } else this.feed(octets);
  }

  /** False while it cannot be told, or when it is nothing that we serve. */
  private recognise(): boolean {
    const { peek } = this;
    const o = new Octets(peek);
    if (/^[A-Z]{3,8} /.test(Buffer.from(peek.subarray(0, 9)).toString("latin1"))) {
      this.beginHttp();
      return true;
    }
    if (peek.length < PEEK_LEN) return false;
    const { dv } = o;
    const isCall = dv.getUint32(8) === RPC_CALL && dv.getUint32(12) === RPC_VERSION;
    const port = isCall ? this.events.rpcPort(dv.getUint32(16)) : undefined;
    if (port === undefined) return false;
    this.kind = "rpc";
    this.records.reset();
    const ends = { srcPort: port, dst: this.remote, dstPort: this.remotePort, seq: 1 };
    this.events.rpcBegin(ends);
    this.connection = this.events.connect(port, (sent) => this.events.rpcReply(ends, sent));
    return true;
  }

  private beginHttp(): void {
    const { events } = this;
    const recordedMethods: string[] = [];
    const ownMethods: string[] = [];
    this.kind = "http";
    this.requests = new HttpReader((m) => {
      const method = m.startLine.slice(0, m.startLine.indexOf(" "));
      recordedMethods.push(method);
      ownMethods.push(method);
      events.httpRequest(m);
    });
    this.recorded ??= new HttpReader(
      (m) => events.httpResponse("recorded", m),
      () => recordedMethods.shift() !== "HEAD",
    );
    const ours = new HttpReader(
      (m) => events.httpResponse("ours", m),
      () => ownMethods.shift() !== "HEAD",
    );
    this.ours = ours;
    this.connection = events.connect(HTTP_PORT, (sent) => ours.feed(sent));
    this.connection?.on("close", () => ours.end());
  }

  private feed(octets: Uint8Array): void {
    if (this.kind === "http") {
      this.requests?.feed(octets);
      this.connection?.push(Buffer.from(octets));
      return;
    }
    const o = new Octets(octets);
    const status = this.records.feed(o, 0, octets.length, (from, at, len) => {
      const record = Octets.alloc(RECORD_MARK_LEN + len);
      emitRecordMark(len, record, 0);
      record.u8.set(from.u8.subarray(at, at + len), RECORD_MARK_LEN);
      this.nfs.translate(record, RECORD_MARK_LEN, len);
      this.connection?.push(Buffer.from(record.u8));
    });
    if (status !== Status.Ok) this.breakOff();
  }

  /** Octets of the client are missing: our server cannot go on with what it has. */
  private breakOff(): void {
    this.connection?.destroy();
    this.connection = undefined;
    this.ours?.end();
    this.kind = "unknown";
    this.peek = NOTHING;
  }
}
