import {
  emitAck,
  emitError,
  emitRrq,
  TFTP_DEFAULT_BLKSIZE,
  TFTP_PORT,
  TftpError,
  TftpMode,
  TftpOpcode,
  type TftpOptionRepr,
  TftpView,
} from "../../protocols/tftp/packet.ts";
import { formatIpv4, IPV4_BROADCAST, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Status, statusName } from "../../protocols/wire/status.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import type { IncomingFile } from "../content.ts";
import type { HostStack } from "./host-stack.ts";
import type { ReceivedDatagram, UdpPort } from "./udp-port.ts";

/** One read as a boot ROM does it. */
export interface TftpRead {
  readonly filename: string;
  readonly server: Ipv4;
  readonly options: readonly TftpOptionRepr[];
  readonly retryMs: number;
  /** Requests or ACKs without an answer before the read fails. */
  readonly tries: number;
  /** After so many unanswered requests the request goes to 255.255.255.255 (Sun PROMs); never when absent. */
  readonly broadcastAfter?: number;
  /** Told when a request is repeated or broadcast. */
  readonly onRetry?: (text: string) => void;
}

/** What an OACK settled, with the defaults of RFC 1350 for what it did not. */
interface Negotiated {
  readonly blksize: number;
  readonly tsize: number | null;
}

const NOTHING_NEGOTIATED: Negotiated = { blksize: TFTP_DEFAULT_BLKSIZE, tsize: null };

/**
 * Reads a file by TFTP (RFC 1350, 2347-2349) in lock step, and hands each block to the file that `open` makes.
 *
 * Strict: an OACK may only hold what was asked, and blksize not grow; a block longer than blksize, or from a file whose
 * announced size differs, ends the read. Packets of another TID are answered ERROR 5 and change nothing.
 */
export function* tftpRead(
  host: HostStack,
  read: TftpRead,
  open: (total: number | null) => IncomingFile,
): BootScript<number> {
  const port = host.openUdp();
  try {
    return yield* receiveFile(host, port, read, open);
  } finally {
    port.close();
  }
}

/**
 * Asks for the size (RFC 2349) and ends the transfer by an ERROR, as PXE ROMs do before the real read.
 *
 * Undefined when the server answers without options.
 */
export function* tftpProbe(
  host: HostStack,
  read: TftpRead,
  errorCode: number,
): BootScript<number | undefined> {
  const port = host.openUdp();
  try {
    const view = new TftpView();
    const first = yield* firstAnswer(host, port, read, view);
    port.send(first.src, first.srcPort, (o, at) => emitError(errorCode, "TFTP Aborted", o, at));
    if (view.opcode !== TftpOpcode.Oack) return undefined;
    return negotiate(view, read, port, first).tsize ?? undefined;
  } finally {
    port.close();
  }
}

function* receiveFile(
  host: HostStack,
  port: UdpPort,
  read: TftpRead,
  open: (total: number | null) => IncomingFile,
): BootScript<number> {
  const view = new TftpView();
  const first = yield* firstAnswer(host, port, read, view);
  const { src: server, srcPort: tid } = first;
  let agreed = NOTHING_NEGOTIATED;
  let acked = 0;
  const acknowledge = (): void => port.send(server, tid, (o, at) => emitAck(acked & 0xffff, o, at));
  if (view.opcode === TftpOpcode.Oack) {
    agreed = negotiate(view, read, port, first);
    acknowledge();
  }
  const file = open(agreed.tsize);
  let datagram: ReceivedDatagram | undefined = first;
  for (let unanswered = 0; ; ) {
    if (datagram && view.opcode === TftpOpcode.Data) {
      const { octets } = datagram;
      if (view.dataLen > agreed.blksize) {
        throw fail(read, `a block of ${view.dataLen} octets came, blksize is ${agreed.blksize}`);
      }
      if (view.block === ((acked + 1) & 0xffff)) {
        acked += 1;
        unanswered = 0;
        file.piece(octets, view.dataAt, view.dataLen);
        acknowledge();
        if (view.dataLen < agreed.blksize) return finish(read, file, agreed.tsize);
      } else if (view.block === (acked & 0xffff)) {
        acknowledge(); // our ACK was lost
      }
    }
    datagram = yield* fromPeer(port, read, view, first, host.nowMs + read.retryMs);
    if (datagram) continue;
    unanswered += 1;
    if (unanswered >= read.tries) {
      throw fail(read, `block ${acked + 1} did not come${host.explainRefusals()}`);
    }
    host.repeats += 1;
    acknowledge();
  }
}

/** Sends the request until something usable comes back; the view then points at it. */
function* firstAnswer(
  host: HostStack,
  port: UdpPort,
  read: TftpRead,
  view: TftpView,
): BootScript<ReceivedDatagram> {
  for (let tries = 0; tries < read.tries; tries++) {
    const broadcast = read.broadcastAfter !== undefined && tries >= read.broadcastAfter;
    const to = broadcast ? IPV4_BROADCAST : read.server;
    if (tries > 0) {
      host.repeats += 1;
      read.onRetry?.(`no answer, asking ${formatIpv4(to)} for ${read.filename}`);
    }
    const { filename, options } = read;
    port.send(to, TFTP_PORT, (o, at) =>
      emitRrq({ filename, mode: TftpMode.Octet, options }, o, at),
    );
    const untilMs = host.nowMs + read.retryMs;
    for (;;) {
      const datagram = yield* port.receive(untilMs);
      if (!datagram) break;
      if (!broadcast && datagram.src !== read.server) continue;
      if (accept(view, datagram, read)) return datagram;
    }
  }
  throw fail(
    read,
    `no answer to ${read.tries} requests from ${formatIpv4(read.server)}${host.explainRefusals()}`,
  );
}

/** The next packet of this transfer until `untilMs`; the view then points at it. */
function* fromPeer(
  port: UdpPort,
  read: TftpRead,
  view: TftpView,
  peer: ReceivedDatagram,
  untilMs: number,
): BootScript<ReceivedDatagram | undefined> {
  for (;;) {
    const datagram = yield* port.receive(untilMs);
    if (!datagram) return undefined;
    if (datagram.src === peer.src && datagram.srcPort === peer.srcPort) {
      if (accept(view, datagram, read)) return datagram;
    } else {
      port.send(datagram.src, datagram.srcPort, (o, at) =>
        emitError(TftpError.UnknownTid, "Unknown transfer ID", o, at),
      );
    }
  }
}

/** Whether the packet is one that a reader may get; an ERROR ends the read. */
function accept(view: TftpView, datagram: ReceivedDatagram, read: TftpRead): boolean {
  const { octets, src } = datagram;
  const status = view.reset(octets, 0, octets.u8.length);
  if (status !== Status.Ok) throw fail(read, `malformed TFTP packet: ${statusName(status)}`);
  if (view.opcode === TftpOpcode.Error) {
    throw fail(read, `${formatIpv4(src)} says error ${view.errorCode}: ${view.errorMessageText()}`);
  }
  return view.opcode === TftpOpcode.Data || view.opcode === TftpOpcode.Oack;
}

function negotiate(
  view: TftpView,
  read: TftpRead,
  port: UdpPort,
  peer: ReceivedDatagram,
): Negotiated {
  const refuse = (why: string): BootFailure => {
    port.send(peer.src, peer.srcPort, (o, at) =>
      emitError(TftpError.OptionNegotiation, why, o, at),
    );
    return fail(read, why);
  };
  let { blksize, tsize } = NOTHING_NEGOTIATED;
  for (let i = 0; i < view.optionCount; i++) {
    const name = view.optionName(i).toLowerCase();
    const asked = read.options.find((option) => option.name === name);
    if (!asked) throw refuse(`the OACK holds ${name}, which was not asked`);
    const text = view.optionValue(name) ?? "";
    const value = Number(text);
    if (!/^\d+$/.test(text)) throw refuse(`the OACK says ${name}=${text}`);
    if (name === "blksize") {
      if (value < 8 || value > Number(asked.value)) {
        throw refuse(`the OACK says blksize=${value}, asked was ${asked.value}`);
      }
      blksize = value;
    } else if (name === "tsize") {
      tsize = value;
    }
  }
  return { blksize, tsize };
}

function finish(read: TftpRead, file: IncomingFile, tsize: number | null): number {
  if (tsize !== null && tsize !== file.received) {
    throw fail(read, `${file.received} octets came, the OACK said tsize=${tsize}`);
  }
  return file.complete();
}

function fail(read: TftpRead, reason: string): BootFailure {
  return new BootFailure("tftp", `${read.filename}: ${reason}`);
}
