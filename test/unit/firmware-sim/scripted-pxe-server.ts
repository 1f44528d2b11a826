import { copyOctets } from "../../../firmware-sim/stack/copy-octets.ts";
import { type DhcpLimits, DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { BOOTREPLY, DhcpMessageType, DhcpOption } from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import {
  emitDataHeader,
  emitError,
  emitOack,
  TftpError,
  TftpOpcode,
  type TftpOptionRepr,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { IPV4_BROADCAST, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import type { Reply, VirtualDatagram, VirtualHost } from "../../support/virtual-host.ts";
import type { VirtualStream } from "../../support/virtual-tcp.ts";

/** What a scripted reply says; without it the message is met with silence. */
export interface PxeAnswer {
  readonly file?: string;
  readonly siaddr?: Ipv4;
  /** Default the machine's address; 0 makes a ProxyDHCP offer. */
  readonly yiaddr?: Ipv4;
  readonly type?: number;
  readonly serverId?: Ipv4;
  readonly options?: (w: DhcpWriter) => void;
}

/** Who asks, as a scripted server tells them apart. */
export type Asker = "rom" | "ipxe";

/** What the server answers. */
export interface PxeServerScript {
  readonly clientAddress: Ipv4;
  /** `port` is 67 or 4011. */
  readonly answer: (asker: Asker, type: number, port: number) => PxeAnswer | undefined;
  readonly tftp?: Readonly<Record<string, Uint8Array>>;
  /** Whether TFTP options are understood; default true. */
  readonly tftpOptions?: boolean;
  /** Changes the options of an OACK. */
  readonly oack?: (right: readonly TftpOptionRepr[]) => readonly TftpOptionRepr[];
  /** The complete response to a GET of that path. */
  readonly http?: (path: string) => Uint8Array;
  /** Changes a DHCP reply before it is sent. */
  readonly mangle?: (o: Octets, len: number) => number;
}

const LIMITS: DhcpLimits = { maxLen: 548, overload: false };

/** A DHCP, TFTP and HTTP server for one PC, correct unless its script is not. */
export class ScriptedPxeServer {
  readonly host: VirtualHost;
  /** "rom DISCOVER" as "rom 1", "ipxe 3 4011", "tftp undionly.kpxe blksize=1456", "GET /boot.ipxe". */
  readonly asked: string[] = [];
  /** Virtual times of `asked`. */
  readonly askedMs: number[] = [];
  connections = 0;
  private readonly script: PxeServerScript;
  private readonly out: Octets = Octets.alloc(2_048);

  constructor(host: VirtualHost, script: PxeServerScript) {
    this.host = host;
    this.script = script;
    for (const port of [67, 4_011]) host.openUdp(port, (d) => this.serveDhcp(d, port));
    host.openUdp(69, (d, reply) => this.serveTftp(d, reply));
    host.listen(80, (stream) => this.serveHttp(stream));
  }

  private note(what: string): void {
    this.asked.push(what);
    this.askedMs.push(this.host.nowMs);
  }

  private serveDhcp(d: VirtualDatagram, port: number): void {
    const request = new DhcpView();
    if (request.reset(d.octets, d.at, d.len) !== Status.Ok) return;
    const asker = request.optionText(DhcpOption.UserClass) === "iPXE" ? "ipxe" : "rom";
    const { messageType, xid, flags } = request;
    this.note(`${asker} ${messageType}${port === 67 ? "" : ` ${port}`}`);
    const answer = this.script.answer(asker, messageType, port);
    if (!answer) return;
    const { clientAddress, mangle } = this.script;
    const { file = "", siaddr = 0, yiaddr = clientAddress, options } = answer;
    const w = new DhcpWriter();
    const chaddr = copyOctets(d.octets, request.chaddrAt, 6);
    w.begin({ op: BOOTREPLY, xid, flags, yiaddr, siaddr, file, chaddr }, this.out, 0, LIMITS);
    w.u8(DhcpOption.DhcpMessageType, answer.type ?? (messageType === 1 ? 2 : 5));
    w.ipv4(DhcpOption.ServerIdentifier, answer.serverId ?? this.host.address);
    w.ipv4(DhcpOption.SubnetMask, 0xffffff00 | 0);
    options?.(w);
    const len = mangle ? mangle(this.out, w.end()) : w.end();
    const to = port === 67 ? IPV4_BROADCAST : d.src;
    this.host.sendUdp(port, to, d.srcPort, this.out, 0, len);
  }

  private serveTftp(d: VirtualDatagram, reply: Reply): void {
    const view = new TftpView();
    if (view.reset(d.octets, d.at, d.len) !== Status.Ok || view.opcode !== TftpOpcode.Rrq) return;
    const name = view.filenameText();
    const understood = this.script.tftpOptions ?? true;
    const tsize = view.optionValue("tsize");
    const blksize = view.optionValue("blksize");
    this.note(`tftp ${name} tsize=${tsize ?? ""} blksize=${blksize ?? ""}`);
    const content = this.script.tftp?.[name];
    if (!content) {
      reply(this.out, 0, emitError(TftpError.FileNotFound, "File not found", this.out, 0));
      return;
    }
    const size = understood && blksize ? Number(blksize) : 512;
    const oack = [
      ...(tsize === undefined ? [] : [{ name: "tsize", value: String(content.length) }]),
      ...(blksize === undefined ? [] : [{ name: "blksize", value: blksize }]),
    ];
    const said = this.script.oack?.(oack) ?? oack;
    const { src, srcPort } = d;
    let next = understood && oack.length > 0 ? 0 : 1;
    const send = (): void => {
      if (next === 0) {
        session.send(src, srcPort, this.out, 0, emitOack(said, this.out, 0));
      } else {
        const block = content.subarray((next - 1) * size, next * size);
        session.send(src, srcPort, this.out, 0, emitDataHeader(next, this.out, 0), block);
      }
      const sent = next;
      this.host.setTimer(1_000, () => {
        if (next === sent && open) send();
      });
    };
    let open = true;
    const session = this.host.openUdp(0, (ack) => {
      if (view.reset(ack.octets, ack.at, ack.len) !== Status.Ok) return;
      const over = view.opcode === TftpOpcode.Error || (next > 0 && next * size > content.length);
      if (view.opcode === TftpOpcode.Ack && view.block !== (next & 0xffff)) return;
      if (over) {
        open = false;
        session.close();
        return;
      }
      next += 1;
      send();
    });
    send();
  }

  private serveHttp(stream: VirtualStream): void {
    this.connections += 1;
    let request = "";
    stream.onData((o, at, len) => {
      request += String.fromCharCode(...o.u8.subarray(at, at + len));
      for (let end = request.indexOf("\r\n\r\n"); end >= 0; end = request.indexOf("\r\n\r\n")) {
        const path = request.split(" ")[1] ?? "";
        request = request.slice(end + 4);
        this.note(`GET ${path}`);
        const response = this.script.http?.(path) ?? httpResponse(new Uint8Array(0), 404);
        stream.write(response);
        if (isClosing(response)) stream.end();
      }
    });
    stream.onEnd(() => stream.end());
  }
}

/** A response with the right Content-Length, or with headers of the test's own. */
export function httpResponse(body: Uint8Array, status = 200, headers?: string): Uint8Array {
  const reason = status === 200 ? "OK" : "Not Found";
  const text = headers ?? `Content-Length: ${body.length}\r\n`;
  const head = `HTTP/1.1 ${status} ${reason}\r\n${text}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

function isClosing(response: Uint8Array): boolean {
  return String.fromCharCode(...response.subarray(0, 200)).includes("Connection: close");
}

/** The message type that DISCOVER and REQUEST are: for readable scripts. */
export const { Discover, Request } = DhcpMessageType;
