import { RARP_REPLY, RARP_REQUEST } from "../../protocols/arp/packet.ts";
import { BOOTREQUEST } from "../../protocols/dhcp/options.ts";
import { RPC_CALL } from "../../protocols/sunrpc/call.ts";
import { TftpOpcode } from "../../protocols/tftp/packet.ts";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { addressOf, fieldOf, type ReplayMessage } from "./message.ts";

/** What a message of the capture is to the replay. "foreign": a reply of a server that is not the recorded one. */
export type Part = "request" | "recorded" | "foreign" | "none";

/** Tells requests to the recorded server from its replies, and from what others say to each other. */
export class Routing {
  private readonly servers: ReadonlySet<string>;
  private readonly broadcasts: ReadonlySet<string>;

  constructor(servers: readonly Ipv4[], broadcast: Ipv4) {
    this.servers = new Set(servers.map(formatIpv4));
    this.broadcasts = new Set(["255.255.255.255", formatIpv4(broadcast)]);
  }

  isServer(address: string): boolean {
    return this.servers.has(address);
  }

  isBroadcast(address: string): boolean {
    return this.broadcasts.has(address);
  }

  partOf(m: ReplayMessage): Part {
    if (m.protocol === "rarp") return this.rarpPart(m);
    const isReply = replyOf(m);
    if (isReply === undefined) return "none";
    const from = addressOf(m.from);
    if (this.isServer(from)) return isReply ? "recorded" : "none";
    const to = addressOf(m.to);
    if (this.isServer(to) || this.isBroadcast(to)) return isSaidByClient(m) ? "request" : "none";
    // Clients acknowledge and complain, too: of TFTP only what brings something is a server's.
    return isReply && !isSaidByBoth(m) ? "foreign" : "none";
  }

  private rarpPart({ fields }: ReplayMessage): Part {
    if (fieldOf({ fields }, "op") === RARP_REQUEST) return "request";
    if (fieldOf({ fields }, "op") !== RARP_REPLY) return "none";
    return this.isServer(String(fieldOf({ fields }, "spa"))) ? "recorded" : "foreign";
  }
}

/** Whether a message is what a server says; undefined for protocols that are not replayed. TFTP is both. */
function replyOf({ protocol, fields }: ReplayMessage): boolean | undefined {
  switch (protocol) {
    case "dhcp":
      return fieldOf({ fields }, "op") !== BOOTREQUEST;
    case "tftp":
      return (
        fieldOf({ fields }, "opcode") !== TftpOpcode.Rrq &&
        fieldOf({ fields }, "opcode") !== TftpOpcode.Wrq
      );
    case "rpc":
    case "portmap":
    case "bootparams":
    case "mount":
    case "nfs":
      return fieldOf({ fields }, "type") !== RPC_CALL;
    default:
      return undefined;
  }
}

function isSaidByBoth(m: ReplayMessage): boolean {
  const opcode = fieldOf(m, "opcode");
  return m.protocol === "tftp" && (opcode === TftpOpcode.Ack || opcode === TftpOpcode.Error);
}

function isSaidByClient(m: ReplayMessage): boolean {
  return m.protocol === "tftp" || replyOf(m) === false;
}

/** Who a reply belongs to: the same for a request and its replies. `end`: of the client, in a request or in a reply. */
export function keyOf(m: ReplayMessage, isRequest: boolean): string {
  const { protocol, fields } = m;
  const client = isRequest ? m.from : m.to;
  switch (protocol) {
    case "rarp":
      return `rarp ${String(fieldOf({ fields }, "tha"))}`;
    case "dhcp":
      return `dhcp ${String(fieldOf({ fields }, "xid"))} ${String(fieldOf({ fields }, "chaddr"))}`;
    case "tftp":
      return `tftp ${client}`;
    default:
      return `rpc ${String(fieldOf({ fields }, "xid"))} ${client}`;
  }
}
