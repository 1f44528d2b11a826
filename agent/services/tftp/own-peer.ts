import { emitError, TftpError, TftpOpcode, type TftpView } from "../../../protocols/tftp/packet.ts";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Datagram, UdpPort } from "../../link/datagram.ts";
import { type ServiceContext, UNKNOWN_MACHINE } from "../context.ts";
import type { TftpLimits } from "./limits.ts";

/** Whose transfer it is, and where. */
export interface OwnPeer {
  readonly port: UdpPort;
  readonly dst: Ipv4;
  readonly dstPort: number;
  readonly context: ServiceContext;
  readonly limits: TftpLimits;
}

/** Whether a datagram is a packet of the transfer's own client; the view is then on it. */
export function isOfPeer(peer: OwnPeer, view: TftpView, d: Datagram): boolean {
  if (d.src !== peer.dst || d.srcPort !== peer.dstPort) {
    refuseStranger(peer, view, d);
    return false;
  }
  const status = view.reset(d.octets, d.at, d.len);
  if (status) peer.context.counters.add("tftp", statusName(status));
  return status === 0;
}

/**
 * RFC 1350 section 4: a packet from another TID gets an error and does not disturb the transfer. A host that the site does
 * not name gets nothing, and neither does an error, to which no answer is due.
 */
function refuseStranger({ port, context, limits }: OwnPeer, view: TftpView, d: Datagram): void {
  if (!context.planner.byIp(d.src)) {
    if (!limits.admitsStranger()) {
      context.counters.add("tftp", "too-many");
      return;
    }
    context.journal.note({
      protocol: "tftp",
      address: d.src,
      event: `packet from ${formatIpv4(d.src)} to the port of a transfer`,
      decision: UNKNOWN_MACHINE,
      outcome: "silent",
    });
    return;
  }
  if (view.reset(d.octets, d.at, d.len) || view.opcode === TftpOpcode.Error) return;
  if (!limits.admits(d.src)) {
    context.counters.add("tftp", "too-many");
    return;
  }
  const slab = port.borrow();
  if (!slab) return;
  const len = emitError(TftpError.UnknownTid, "not your transfer", slab.octets, 0);
  port.send(slab, len, d.src, d.srcPort);
}
