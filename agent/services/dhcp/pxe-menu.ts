import {
  encodePxeVendor,
  PXE_FIRST_OWN_TYPE,
  type PxeVendorRepr,
  type PxeVendorView,
  pxeMenu,
} from "../../../protocols/dhcp/pxe.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { menuFor } from "../../plan/boot-menu.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { Family } from "../../site/families.ts";
import type { BootMenu } from "../../site/site.ts";
import type { ServiceContext } from "../context.ts";

/** In a request, type 0 is the "bootstrap server": whoever has the boot file. */
const BOOTSTRAP = 0;

/** Made once for each menu; a change of the site makes other menus. */
const encoded = new WeakMap<BootMenu, Octets | undefined>();

/**
 * Option 43 of an offer to a machine whose profile has a menu: where to ask (6, 8), the items (9), and the prompt (10). Undefined: it
 * has none, or whoever asks shows none.
 */
export function menuOption(
  plan: BootPlan,
  family: Family,
  { sightings }: Pick<ServiceContext, "sightings">,
): Octets | undefined {
  const menu = menuFor(plan, family, sightings);
  if (!menu) return undefined;
  if (!encoded.has(menu)) {
    const names = menu.items.map(({ name }) => name);
    encoded.set(menu, encodePxeVendor(pxeMenu(plan.server, menu.prompt, names)));
  }
  return encoded.get(menu);
}

/** What a request on port 4011 chose. */
export type ItemChoice =
  /** No item: it wants the file. */
  | { readonly kind: "none" }
  /** `at`: of the menu's items, from 0; below 0: the bootstrap server. `vendor`: the option 43 that says so in the answer. */
  | { readonly kind: "item"; readonly at: number; readonly vendor: Octets | undefined }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Reads sub-option 71. Layers beside 0 are for credentials and for boot programs that ask a second time: there are none. `menu`: of
 * the machine's profile; without one the first item is what it boots, for a client that has kept an older menu.
 */
export function chosenItem(v: PxeVendorView, menu: BootMenu | undefined): ItemChoice {
  const { bootItemType: type, bootItemLayer: layer } = v;
  if (type < 0) return { kind: "none" };
  const at = type - PXE_FIRST_OWN_TYPE;
  if (type !== BOOTSTRAP && (at < 0 || at >= (menu?.items.length ?? 1))) {
    return { kind: "refused", why: `chose item ${type} of a menu, which is not one of ours` };
  }
  if (layer !== 0) return { kind: "refused", why: `asks for layer ${layer} of a boot item` };
  return { kind: "item", at, vendor: encodePxeVendor(itemOf(type)) };
}

function itemOf(type: number): PxeVendorRepr {
  return { bootItem: { type, layer: 0 } };
}
