import { MAC_LEN } from "../wire/mac-address.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// AMD, "Magic Packet Technology" (publication 20213, 1995): a synchronisation stream, then the address sixteen times.
const SYNC_LEN = 6;
const COPIES = 16;

/** EtherType of frames that carry nothing but a magic packet. */
export const ETHERTYPE_WOL = 0x0842;
/** The discard service (RFC 863): where magic packets in UDP are sent by custom. */
export const WOL_PORT = 9;
/** Octets of a magic packet without a password. */
export const MAGIC_PACKET_LEN: number = SYNC_LEN + COPIES * MAC_LEN;

/**
 * Re-pointable view of a magic packet: what a sleeping network card wakes its machine for.
 *
 *     ff ff ff ff ff ff, then the card's address 16 times[, password (4 or 6)]
 *
 * The card looks for the pattern anywhere in a frame, and so does `reset`. What is behind it is a password only when it has
 * one's length and the packet ends with it: a frame's padding looks the same as one, and is told apart by its zeros.
 */
export class MagicPacketView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private end = 0;

  /** `Truncated` below 102 octets, `BadMagic` when the pattern is nowhere in them. */
  reset(o: Octets, at: number, len: number): Status {
    if (len < MAGIC_PACKET_LEN) return Status.Truncated;
    const last = at + len - MAGIC_PACKET_LEN;
    for (let i = at; i <= last; i++) {
      if (!isMagic(o.u8, i)) continue;
      this.dv = o.dv;
      this.at = i;
      this.end = at + len;
      return Status.Ok;
    }
    return Status.BadMagic;
  }

  /** Where the pattern begins. */
  get syncAt(): number {
    return this.at;
  }
  /** The hardware address of the machine that is to wake: six octets. */
  get macAt(): number {
    return this.at + SYNC_LEN;
  }
  get passwordAt(): number {
    return this.at + MAGIC_PACKET_LEN;
  }
  /** Octets of the password: 0, 4 or 6. */
  get passwordLen(): number {
    const { dv, passwordAt, end } = this;
    const len = end - passwordAt;
    if (len !== 4 && len !== 6) return 0;
    for (let i = passwordAt; i < end; i++) if (dv.getUint8(i) !== 0) return len;
    return 0;
  }
}

/** What a sender decides about a magic packet. */
export interface MagicPacketRepr {
  /** Six octets. */
  readonly mac: Uint8Array;
  /** Four or six octets, which some cards demand ("SecureOn"). */
  readonly password?: Uint8Array;
}

/** Writes the packet and returns its octets: 102, 106 or 108. */
export function emitMagicPacket({ mac, password }: MagicPacketRepr, o: Octets, at: number): number {
  const { u8 } = o;
  u8.fill(0xff, at, at + SYNC_LEN);
  let to = at + SYNC_LEN;
  for (let copy = 0; copy < COPIES; copy++) {
    for (let i = 0; i < MAC_LEN; i++) u8[to++] = mac[i] ?? 0;
  }
  if (password) for (let i = 0; i < password.length; i++) u8[to++] = password[i] ?? 0;
  return to - at;
}

function isMagic(u8: Uint8Array, at: number): boolean {
  for (let i = 0; i < SYNC_LEN; i++) if (u8[at + i] !== 0xff) return false;
  const first = at + SYNC_LEN;
  for (let i = MAC_LEN; i < COPIES * MAC_LEN; i++) {
    if (u8[first + i] !== u8[first + (i % MAC_LEN)]) return false;
  }
  // An address of ones is nobody's; a packet full of ones is no magic packet.
  for (let i = 0; i < MAC_LEN; i++) if (u8[first + i] !== 0xff) return true;
  return false;
}
