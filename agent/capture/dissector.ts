import { ArpView } from "../../protocols/arp/packet.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_RARP,
  EthernetView,
} from "../../protocols/ethernet/frame.ts";
import { ETHERTYPE_IPV6 } from "../../protocols/ipv6/packet.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, macText } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type CapturedFrame, LinkType } from "./captured-frame.ts";
import { IpDissector } from "./ip-dissector.ts";
import { LinkHeaderView } from "./link-layer.ts";
import {
  type DecodedMessage,
  type Fields,
  hexOf,
  MessageSink,
  type SinkOptions,
} from "./message.ts";
import type { PutPacket } from "./transport-dissector.ts";

/**
 * Turns the frames of a capture into messages, one or more for each frame.
 *
 * One for a capture: it follows conversations from frame to frame. All that it keeps is bounded.
 */
export class Dissector {
  private readonly sink: MessageSink;
  private readonly ethernet: EthernetView = new EthernetView();
  private readonly link: LinkHeaderView = new LinkHeaderView();
  private readonly arp: ArpView = new ArpView();
  private readonly ip: IpDissector;
  /** The fields of the layer below IP, shown when nothing inside is known. */
  private linkFields: Fields = {};

  /** `give` gets each message as it is found, in the order of the frames. */
  constructor(give: (message: DecodedMessage) => void, options: SinkOptions) {
    this.sink = new MessageSink(give, options);
    this.ip = new IpDissector(this.sink);
  }

  /** Gives the messages of the next frame. */
  frame(f: CapturedFrame): void {
    this.sink.begin(f);
    if (f.linkType === LinkType.Ethernet) this.takeEthernet(f);
    else this.takeOther(f);
  }

  /** Gives what waited for frames that are not in the capture. It counts to the last frame. */
  end(): void {
    this.sink.cut = false;
    this.ip.end();
  }

  private takeEthernet(f: CapturedFrame): void {
    const { ethernet, sink } = this;
    const status = ethernet.reset(f.octets, f.at, f.len);
    if (status !== Status.Ok) {
      sink.put("ethernet", status, { length: f.originalLen });
      return;
    }
    const { vlanId, etherType } = ethernet;
    sink.from = macText(f.octets, ethernet.srcAt);
    sink.to = macText(f.octets, ethernet.dstAt);
    this.linkFields = {
      dst: sink.to,
      src: sink.from,
      ...(vlanId < 0 ? {} : { vlanId }),
      etherType,
      length: f.originalLen,
    };
    this.takePayload(etherType, f.octets, ethernet.payloadAt, ethernet.payloadLen, f.isCut);
  }

  private takeOther(f: CapturedFrame): void {
    const { link, sink } = this;
    const { linkType } = f;
    const status = link.reset(linkType, f.octets, f.at, f.len);
    const { addressAt, addressLen, etherType } = link;
    this.linkFields = {
      linkType,
      ...(addressAt < 0 ? {} : { src: addressText(f.octets, addressAt, addressLen) }),
      ...(etherType === 0 ? {} : { etherType }),
      length: f.originalLen,
    };
    if (status === Status.Ok) {
      this.takePayload(etherType, f.octets, link.payloadAt, link.payloadLen, f.isCut);
    } else sink.put("ethernet", status, this.linkFields);
  }

  private takePayload(type: number, o: Octets, at: number, len: number, cut: boolean): void {
    switch (type) {
      case ETHERTYPE_IPV4:
        this.ip.takeIpv4(o, at, len, cut);
        break;
      case ETHERTYPE_IPV6:
        this.ip.takeIpv6(o, at, len, cut, this.putLink);
        break;
      case ETHERTYPE_ARP:
        this.takeArp("arp", o, at, len);
        break;
      case ETHERTYPE_RARP:
        this.takeArp("rarp", o, at, len);
        break;
      default:
        this.sink.cut = cut;
        this.putLink(Status.Ok, {});
    }
  }

  /** The EtherType says which of the two it is: nping sends RARP operations as ARP. */
  private takeArp(protocol: "arp" | "rarp", o: Octets, at: number, len: number): void {
    const { arp, sink } = this;
    const status = arp.reset(o, at, len);
    if (status !== Status.Ok) {
      sink.put(protocol, status, {});
      return;
    }
    sink.put(protocol, status, {
      op: arp.op,
      sha: macText(o, arp.shaAt),
      spa: formatIpv4(arp.spa),
      tha: macText(o, arp.thaAt),
      tpa: formatIpv4(arp.tpa),
    });
  }

  private readonly putLink: PutPacket = (status, inner) => {
    this.sink.put("ethernet", status, { ...this.linkFields, ...inner });
  };
}

/** Of a cooked capture: a MAC mostly, but a tunnel has what it likes. */
function addressText(o: Octets, at: number, len: number): string {
  return len === MAC_LEN ? macText(o, at) : hexOf(o, at, len);
}
