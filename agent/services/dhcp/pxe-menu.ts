import {
  encodePxeVendor,
  PxeDiscovery,
  type PxeVendorRepr,
  type PxeVendorView,
} from "../../../protocols/dhcp/pxe.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";

/**
 * Type of the one item of our menus: the first that vendors may use (PXE specification 2.1, table 2-1). Type 0 would be a local
 * boot in a menu, to iPXE as well; in a request it is the "bootstrap server", which any of us is.
 */
export const MENU_ITEM = 0x8000;
const BOOTSTRAP = 0;
/** Characters of an item's text: option 43 has 255 octets for all. */
const MAX_TEXT = 64;

/**
 * Option 43 of a ProxyDHCP offer with a menu of one item, for a ROM that asks for a boot file only after a menu: where to ask (6,
 * 8), the item (9), and a prompt whose time is over at once (10), so that nobody has to press a key.
 */
export function menuOffer(server: Ipv4, text: string): Octets | undefined {
  return encodePxeVendor({
    discoveryControl: PxeDiscovery.NoBroadcast | PxeDiscovery.NoMulticast,
    servers: [{ type: MENU_ITEM, addresses: [server] }],
    prompt: { timeoutS: 0, text: "PXE" },
    menu: [{ type: MENU_ITEM, text: text.slice(0, MAX_TEXT) }],
  });
}

/** What a request on port 4011 chose. */
export type ItemChoice =
  /** Nothing: it wants the file. */
  | { readonly kind: "none" }
  /** An item of ours; `vendor` is the option 43 that says so in the answer. */
  | { readonly kind: "item"; readonly vendor: Octets | undefined }
  | { readonly kind: "refused"; readonly why: string };

const VENDORS: ReadonlyMap<number, Octets | undefined> = new Map(
  [BOOTSTRAP, MENU_ITEM].map((type) => [type, encodePxeVendor(itemOf(type))]),
);

/** Reads sub-option 71. Layers beside 0 are for credentials and for boot programs that ask a second time: there are none. */
export function chosenItem(v: PxeVendorView): ItemChoice {
  const { bootItemType: type, bootItemLayer: layer } = v;
  if (type < 0) return { kind: "none" };
  if (!VENDORS.has(type)) {
    return { kind: "refused", why: `chose item ${type} of a menu, which is not one of ours` };
  }
  if (layer !== 0) return { kind: "refused", why: `asks for layer ${layer} of a boot item` };
  return { kind: "item", vendor: VENDORS.get(type) };
}

function itemOf(type: number): PxeVendorRepr {
  return { bootItem: { type, layer: 0 } };
}
