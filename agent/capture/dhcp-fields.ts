import { CHADDR_LEN, HLEN } from "../../protocols/dhcp/layout.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, macText } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type Fields, type FieldValue, hexOf, type MessageSink } from "./message.ts";

/** Shows BOOTP and DHCP messages (RFC 951, RFC 2131). */
export class DhcpDissector {
  private readonly view: DhcpView = new DhcpView();
  private readonly sink: MessageSink;

  constructor(sink: MessageSink) {
    this.sink = sink;
  }

  take(o: Octets, at: number, len: number): void {
    const { view } = this;
    const status = view.reset(o, at, len);
    // Of a message with a broken option, the header and the options before it are still worth reading.
    const readable = status === Status.Ok || (status === Status.BadLength && hlenFits(o, at));
    this.sink.put("dhcp", status, readable ? dhcpFields(view, o) : {});
  }
}

/** `messageType` is absent from BOOTP messages. The options are in wire order: the options field, `file`, `sname`. */
function dhcpFields(v: DhcpView, o: Octets): Fields {
  const options: FieldValue[] = [];
  v.forEachOption((code, at, len) => options.push({ code, hex: hexOf(o, at, len) }));
  return {
    op: v.op,
    htype: v.htype,
    hlen: v.hlen,
    hops: v.hops,
    xid: v.xid,
    secs: v.secs,
    flags: v.flags,
    ciaddr: formatIpv4(v.ciaddr),
    yiaddr: formatIpv4(v.yiaddr),
    siaddr: formatIpv4(v.siaddr),
    giaddr: formatIpv4(v.giaddr),
    chaddr: v.hlen === MAC_LEN ? macText(o, v.chaddrAt) : hexOf(o, v.chaddrAt, v.hlen),
    sname: v.snameText(),
    file: v.fileText(),
    ...(v.isBootp ? {} : { messageType: v.messageType }),
    options,
  };
}

/** When it does not, nothing of the message was read. */
function hlenFits(o: Octets, at: number): boolean {
  return o.dv.getUint8(at + HLEN) <= CHADDR_LEN;
}
