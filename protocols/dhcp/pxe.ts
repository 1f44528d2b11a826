import type { Ipv4 } from "../wire/ipv4-address.ts";
import { NO_VIEW, Octets } from "../wire/octets.ts";
import type { Status } from "../wire/status.ts";
import type { DhcpWriter } from "./message.ts";
import { OptionFraming, OptionWalker } from "./option-walker.ts";
import { DhcpOption } from "./options.ts";
import { writeText } from "./text.ts";

/** Sub-options of option 43 for PXE clients (Preboot Execution Environment specification 2.1). */
export const PxeOption = {
  DiscoveryControl: 6,
  DiscoveryMulticastAddress: 7,
  BootServers: 8,
  BootMenu: 9,
  MenuPrompt: 10,
  BootItem: 71,
} as const;

/** Bits of sub-option 6. */
export const PxeDiscovery = {
  NoBroadcast: 1,
  NoMulticast: 2,
  /** Only the servers of sub-option 8 may answer. */
  ListedServersOnly: 4,
  /** Take the boot file of this very reply and do not look for boot servers. */
  UseBootFile: 8,
} as const;

/** The prompt's timeout that shows the menu and waits for ever. 0 takes the first item without showing anything. */
export const PXE_MENU_FOREVER = 255;

/** Type of the first item that is a vendor's own (PXE specification 2.1, table 2-1). In a menu, type 0 is a local boot. */
export const PXE_FIRST_OWN_TYPE = 0x8000;

/**
 * Re-pointable view of option 43 in a PXE message; point it at the option's value.
 *
 * The same option means other things to other vendors: only read it when option 60 says "PXEClient".
 */
export class PxeVendorView {
  private dv: DataView = NO_VIEW;
  private itemAt = -1;
  private readonly walker: OptionWalker = new OptionWalker();

  /** Sub-option 6; -1 when absent. */
  discoveryControl = -1;
  /** Sub-option 8, the list of boot servers; -1 when absent. */
  serversAt = -1;
  serversLen = 0;
  /** Sub-option 9, the menu; -1 when absent. */
  menuAt = -1;
  menuLen = 0;
  /** Sub-option 10: a timeout in seconds, then text; -1 when absent. */
  promptAt = -1;
  promptLen = 0;

  reset(o: Octets, at: number, len: number): Status {
    const { walker } = this;
    this.dv = o.dv;
    this.itemAt = this.serversAt = this.menuAt = this.promptAt = this.discoveryControl = -1;
    this.serversLen = this.menuLen = this.promptLen = 0;
    walker.reset(o, at, len, OptionFraming.Dhcp);
    while (walker.next()) {
      const { code, valueAt, valueLen } = walker;
      if (code === PxeOption.DiscoveryControl && valueLen === 1) {
        this.discoveryControl = o.dv.getUint8(valueAt);
      } else if (code === PxeOption.BootServers) {
        this.serversAt = valueAt;
        this.serversLen = valueLen;
      } else if (code === PxeOption.BootMenu) {
        this.menuAt = valueAt;
        this.menuLen = valueLen;
      } else if (code === PxeOption.MenuPrompt && valueLen > 0) {
        this.promptAt = valueAt;
        this.promptLen = valueLen;
      } else if (code === PxeOption.BootItem && valueLen === 4) {
        this.itemAt = valueAt;
      }
    }
    return walker.status;
  }

  /** Type of the item that the client chose (sub-option 71); -1 when it chose none. iPXE asks for it on port 4011. */
  get bootItemType(): number {
    return this.itemAt < 0 ? -1 : this.dv.getUint16(this.itemAt);
  }
  /** Layer of the chosen item, 0 for its boot file; the top bit asks for credentials. -1 without an item. */
  get bootItemLayer(): number {
    return this.itemAt < 0 ? -1 : this.dv.getUint16(this.itemAt + 2);
  }
}

/** What a server says to PXE clients in option 43. Everything may be left out. */
export interface PxeVendorRepr {
  readonly discoveryControl?: number;
  readonly servers?: readonly { readonly type: number; readonly addresses: readonly Ipv4[] }[];
  readonly prompt?: { readonly timeoutS: number; readonly text: string };
  readonly menu?: readonly { readonly type: number; readonly text: string }[];
  readonly bootItem?: { readonly type: number; readonly layer: number };
}

/** A menu all of whose items are asked for at one server: types count on from `PXE_FIRST_OWN_TYPE`. */
export function pxeMenu(
  server: Ipv4,
  prompt: { readonly timeoutS: number; readonly text: string },
  names: readonly string[],
): PxeVendorRepr {
  const types = names.map((_, i) => PXE_FIRST_OWN_TYPE + i);
  return {
    discoveryControl: PxeDiscovery.NoBroadcast | PxeDiscovery.NoMulticast,
    servers: types.map((type) => ({ type, addresses: [server] })),
    prompt,
    menu: names.map((text, i) => ({ type: PXE_FIRST_OWN_TYPE + i, text })),
  };
}

/** What a Raspberry Pi must see in an offer before it goes on (Raspberry Pi documentation, network booting). */
export const RASPBERRY_PI_BOOT: PxeVendorRepr = {
  discoveryControl: 3,
  prompt: { timeoutS: 0, text: "PXE" },
  menu: [{ type: 0, text: "Raspberry Pi Boot" }],
};

/** The same for the boot ROM of the Pi 3 model B, which wants three spaces at the end. */
export const RASPBERRY_PI_3B_BOOT: PxeVendorRepr = {
  ...RASPBERRY_PI_BOOT,
  menu: [{ type: 0, text: "Raspberry Pi Boot   " }],
};

const VALUE_MAX = 255;

/**
 * Encodes `r` as the value of option 43 for `writePxeVendor`. It allocates: do it once for each plan.
 *
 * Undefined when a part or the whole is longer than 255 octets.
 */
export function encodePxeVendor(r: PxeVendorRepr): Octets | undefined {
  const o = Octets.alloc(VALUE_MAX);
  const cursor = new PxeCursor(o);
  if (r.discoveryControl !== undefined) {
    cursor.begin(PxeOption.DiscoveryControl);
    cursor.u8(r.discoveryControl);
    cursor.close();
  }
  if (r.servers) {
    cursor.begin(PxeOption.BootServers);
    for (const { type, addresses } of r.servers) {
      cursor.u16(type);
      cursor.u8(addresses.length);
      for (const address of addresses) cursor.u32(address);
    }
    cursor.close();
  }
  if (r.prompt) {
    cursor.begin(PxeOption.MenuPrompt);
    cursor.u8(r.prompt.timeoutS);
    cursor.text(r.prompt.text);
    cursor.close();
  }
  if (r.menu) {
    cursor.begin(PxeOption.BootMenu);
    for (const { type, text } of r.menu) {
      cursor.u16(type);
      cursor.u8(text.length);
      cursor.text(text);
    }
    cursor.close();
  }
  if (r.bootItem) {
    cursor.begin(PxeOption.BootItem);
    cursor.u16(r.bootItem.type);
    cursor.u16(r.bootItem.layer);
    cursor.close();
  }
  cursor.u8(DhcpOption.End);
  return cursor.full ? undefined : new Octets(o.u8.slice(0, cursor.at));
}

/** Writes an encoded option 43; false when it does not fit. `value` is made once with `encodePxeVendor`. */
export function writePxeVendor(w: DhcpWriter, value: Octets): boolean {
  return w.octets(DhcpOption.VendorSpecific, value, 0, value.u8.length);
}

/** Appends numbers and text; `full` once something did not fit. */
class PxeCursor {
  readonly o: Octets;
  at = 0;
  full = false;
  private lengthAt = 0;

  constructor(o: Octets) {
    this.o = o;
  }

  begin(code: number): void {
    this.u8(code);
    this.lengthAt = this.at;
    this.u8(0);
  }
  close(): void {
    if (!this.full) this.o.dv.setUint8(this.lengthAt, this.at - this.lengthAt - 1);
  }
  u8(value: number): void {
    const at = this.take(1);
    if (at >= 0) this.o.dv.setUint8(at, value);
  }
  u16(value: number): void {
    const at = this.take(2);
    if (at >= 0) this.o.dv.setUint16(at, value);
  }
  u32(value: number): void {
    const at = this.take(4);
    if (at >= 0) this.o.dv.setUint32(at, value);
  }
  text(text: string): void {
    const at = this.take(text.length);
    if (at >= 0) writeText(text, 0, text.length, this.o, at);
  }

  private take(len: number): number {
    const { at } = this;
    if (this.full || at + len > this.o.u8.length) {
      this.full = true;
      return -1;
    }
    this.at = at + len;
    return at;
  }
}
