import { NO_VIEW, type Octets } from "../wire/octets.ts";
import type { Status } from "../wire/status.ts";
import type { DhcpWriter } from "./message.ts";
import { OptionFraming, OptionWalker } from "./option-walker.ts";
import { DhcpOption } from "./options.ts";

/** Sub-options of option 175 that we send or read (iPXE, src/include/ipxe/dhcp.h). */
export const IpxeOption = {
  /** One octet, 1: do not wait for ProxyDHCP offers. Saves two to three seconds. */
  NoPxeDhcp: 0xb0,
  /** The network card: bus type 1 (PCI), vendor(2), device(2). */
  BusId: 0xb1,
  /** Three octets: major, minor, patch. */
  Version: 0xeb,
} as const;

/** Sub-options of option 175 by which iPXE says what was compiled in (iPXE, src/include/ipxe/features.h). */
export const IpxeFeature = {
  PxeExt: 0x10,
  Iscsi: 0x11,
  Aoe: 0x12,
  Http: 0x13,
  Https: 0x14,
  Tftp: 0x15,
  Ftp: 0x16,
  Dns: 0x17,
  BzImage: 0x18,
  Multiboot: 0x19,
  Slam: 0x1a,
  Srp: 0x1b,
  Nbi: 0x20,
  Pxe: 0x21,
  Elf: 0x22,
  Comboot: 0x23,
  Efi: 0x24,
  Fcoe: 0x25,
  Vlan: 0x26,
  Menu: 0x27,
  Sdi: 0x28,
  Nfs: 0x29,
} as const;

/** First and last code of the features. */
const FIRST_FEATURE = 0x10;
const LAST_FEATURE = 0x4f;

/** Re-pointable view of option 175; point it at the option's value. */
export class IpxeView {
  private dv: DataView = NO_VIEW;
  private featuresLow = 0;
  private featuresHigh = 0;
  private versionAt = -1;
  private busAt = -1;
  private readonly walker: OptionWalker = new OptionWalker();

  reset(o: Octets, at: number, len: number): Status {
    const { walker } = this;
    this.dv = o.dv;
    this.featuresLow = this.featuresHigh = 0;
    this.versionAt = this.busAt = -1;
    walker.reset(o, at, len, OptionFraming.Dhcp);
    while (walker.next()) {
      const { code, valueAt, valueLen } = walker;
      if (code === IpxeOption.Version && valueLen === 3) this.versionAt = valueAt;
      else if (code === IpxeOption.BusId && valueLen === 5) this.busAt = valueAt;
      else if (code >= FIRST_FEATURE && code <= LAST_FEATURE && valueLen > 0) {
        // A feature counts when its version is not zero.
        if (o.dv.getUint8(valueAt) === 0) continue;
        const bit = code - FIRST_FEATURE;
        if (bit < 32) this.featuresLow |= 1 << bit;
        else this.featuresHigh |= 1 << (bit - 32);
      }
    }
    return walker.status;
  }

  /** Whether this iPXE can do `feature`, one of `IpxeFeature`. */
  has(feature: number): boolean {
    const bit = feature - FIRST_FEATURE;
    if (bit < 0 || feature > LAST_FEATURE) return false;
    const mask = bit < 32 ? this.featuresLow : this.featuresHigh;
    return ((mask >>> (bit & 31)) & 1) === 1;
  }
  /** major << 16 | minor << 8 | patch; -1 when it does not say. */
  get version(): number {
    const { dv, versionAt } = this;
    return versionAt < 0 ? -1 : (dv.getUint16(versionAt) << 8) | dv.getUint8(versionAt + 2);
  }
  /** PCI vendor of the network card; -1 when unknown or not on PCI. */
  get pciVendor(): number {
    return this.onPci() ? this.dv.getUint16(this.busAt + 1) : -1;
  }
  /** PCI device of the network card; -1 when unknown or not on PCI. */
  get pciDevice(): number {
    return this.onPci() ? this.dv.getUint16(this.busAt + 3) : -1;
  }

  private onPci(): boolean {
    return this.busAt >= 0 && this.dv.getUint8(this.busAt) === 1;
  }
}

/** Writes option 175 = b0 01 01 ff: this reply is complete, no ProxyDHCP server will add to it. False when it does not fit. */
export function writeNoProxyDhcp(w: DhcpWriter): boolean {
  w.beginEncapsulated(DhcpOption.Ipxe);
  w.u8(IpxeOption.NoPxeDhcp, 1);
  return w.endEncapsulated(true);
}
