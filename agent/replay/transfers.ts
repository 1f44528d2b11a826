import { TftpOpcode } from "../../protocols/tftp/packet.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { SentDatagram } from "./replay-udp.ts";

const MAX_TRANSFERS = 4_096;
const HALF = 0x8000;

/** Our end of a TFTP transfer. */
export interface OwnTransfer {
  readonly port: number;
  /** Number of the DATA block that we sent last; 0 when none was. */
  lastBlock: number;
  /** Number of the block that the client acknowledged last. */
  lastAck: number;
}

/**
 * Which port of ours serves which client: the recorded server's transfer ports (TID, RFC 1350 section 4) are not ours, so
 * a client's packets find their way by the client's own port.
 */
export class Transfers {
  private readonly transfers: Map<string, OwnTransfer> = new Map();

  /** A client's new request: what it says from now on belongs to another transfer. */
  forget(client: string): void {
    this.transfers.delete(client);
  }

  /** Learns from what we send. */
  sent({ srcPort, dst, dstPort, octets }: SentDatagram): void {
    const client = `${formatIpv4(dst)}:${dstPort}`;
    let transfer = this.transfers.get(client);
    if (transfer?.port !== srcPort) {
      transfer = { port: srcPort, lastBlock: 0, lastAck: 0 };
      this.transfers.set(client, transfer);
      if (this.transfers.size > MAX_TRANSFERS) this.dropOldest();
    }
    const { dv } = octets;
    if (dv.byteLength >= 4 && dv.getUint16(0) === TftpOpcode.Data) {
      transfer.lastBlock = dv.getUint16(2);
    }
  }

  get(client: string): OwnTransfer | undefined {
    return this.transfers.get(client);
  }

  private dropOldest(): void {
    for (const client of this.transfers.keys()) {
      this.transfers.delete(client);
      return;
    }
  }
}

/** Whether a block comes after what was sent last; numbers begin again at 0 after 65535. */
export function isBeyond(block: number, lastBlock: number): boolean {
  const ahead = (block - lastBlock) & 0xffff;
  return ahead > 0 && ahead < HALF;
}
