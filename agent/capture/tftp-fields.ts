import { readTftpOptions } from "../../protocols/tftp/options.ts";
import { TFTP_PORT, TftpOpcode, TftpView } from "../../protocols/tftp/packet.ts";
import { asciiText } from "../../protocols/tftp/text.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { Flow } from "./flow.ts";
import type { Fields, FieldValue, MessageSink } from "./message.ts";

const MAX_CONVERSATIONS = 4_096;
/** The longest pause in a transfer: a person at a boot prompt, with the socket still open. */
const IDLE_MS = 600_000;
const MAX_OPCODE = 6;

/** What is known of a client's end of a transfer. */
interface Conversation {
  /** The server's end, "address:port", once it has answered. */
  server: string | undefined;
}

/**
 * Shows TFTP packets, and follows transfers away from port 69 (RFC 1350 section 4).
 *
 *     request to port 69 --> the client's end is known
 *       any server's first packet to it --> the server's end is known, too
 *         packets between the two --> TFTP, whatever they hold
 *
 * A broadcast request may be answered from any address, and one that got no answer is repeated, so that until then the
 * client's end alone counts. A transfer by multicast (RFC 2090) goes to the group that the server's OACK names.
 */
export class TftpDissector {
  private readonly view: TftpView = new TftpView();
  private readonly sink: MessageSink;
  private readonly clients: BoundedMap<string, Conversation> = new BoundedMap(
    MAX_CONVERSATIONS,
    IDLE_MS,
  );

  constructor(sink: MessageSink) {
    this.sink = sink;
  }

  /** Whether both ends are known to be those of a transfer, or one is port 69. */
  owns(flow: Flow): boolean {
    if (flow.dstPort === TFTP_PORT || flow.srcPort === TFTP_PORT) return true;
    const { nowMs } = this.sink;
    return (
      this.clients.get(flow.to, nowMs)?.server === flow.from ||
      this.clients.get(flow.from, nowMs)?.server === flow.to
    );
  }

  /** Shows the packet if it belongs to a transfer; false when it does not. */
  take(flow: Flow, o: Octets, at: number, len: number): boolean {
    if (!this.belongs(flow, o, at, len)) return false;
    const { view, sink } = this;
    const status = view.reset(o, at, len);
    if (status === Status.Ok) this.follow(flow);
    sink.put("tftp", status, status === Status.Ok ? tftpFields(view, o) : opcodeOnly(o, at, len));
    return true;
  }

  private belongs(flow: Flow, o: Octets, at: number, len: number): boolean {
    if (this.owns(flow)) return true;
    const { nowMs } = this.sink;
    const plausible = len >= 4 && isOpcode(o.dv.getUint16(at));
    if (!plausible) return false;
    const toClient = this.clients.get(flow.to, nowMs);
    if (toClient !== undefined) toClient.server ??= flow.from;
    return toClient !== undefined || this.clients.get(flow.from, nowMs) !== undefined;
  }

  private follow(flow: Flow): void {
    const { view, clients } = this;
    const { nowMs } = this.sink;
    if (view.opcode === TftpOpcode.Rrq || view.opcode === TftpOpcode.Wrq) {
      if (flow.dstPort === TFTP_PORT) clients.set(flow.from, { server: undefined }, nowMs);
    } else if (view.opcode === TftpOpcode.Oack) {
      const { multicast } = readTftpOptions(view);
      if (multicast?.address === undefined || multicast.port === undefined) return;
      const group = `${formatIpv4(multicast.address)}:${multicast.port}`;
      clients.set(group, { server: undefined }, nowMs);
    }
  }
}

/** The fields that the packet's opcode has. */
function tftpFields(v: TftpView, o: Octets): Fields {
  const { opcode } = v;
  switch (opcode) {
    case TftpOpcode.Rrq:
    case TftpOpcode.Wrq:
      return {
        opcode,
        filename: v.filenameText(),
        mode: modeText(v, o),
        options: optionList(v, o),
      };
    case TftpOpcode.Oack:
      return { opcode, options: optionList(v, o) };
    case TftpOpcode.Data:
      return { opcode, block: v.block, dataLength: v.dataLen };
    case TftpOpcode.Ack:
      return { opcode, block: v.block };
    default:
      return { opcode, errorCode: v.errorCode, errorMessage: v.errorMessageText() };
  }
}

function optionList(v: TftpView, o: Octets): FieldValue[] {
  const list: FieldValue[] = [];
  for (let i = 0; i < v.optionCount; i++) {
    list.push([v.optionName(i), asciiText(o, v.optionValueAt(i), v.optionValueLen(i))]);
  }
  return list;
}

/** The mode as it was sent: "octet", "OCTET". A request without its terminator is not Ok, so there is one. */
function modeText(v: TftpView, o: Octets): string {
  const at = v.filenameAt + v.filenameLen + 1;
  let end = at;
  while (o.u8[end] !== 0) end++;
  return asciiText(o, at, end - at);
}

function opcodeOnly(o: Octets, at: number, len: number): Fields {
  return len >= 2 ? { opcode: o.dv.getUint16(at) } : {};
}

function isOpcode(code: number): boolean {
  return code >= TftpOpcode.Rrq && code <= MAX_OPCODE;
}
