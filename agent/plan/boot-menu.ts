import type { Family } from "../site/families.ts";
import type { BootMenu, MenuItem } from "../site/site.ts";
import type { BootPlan } from "./boot-plan.ts";
import type { Sightings } from "./sightings.ts";

/** Whether a family is firmware that loads its boot program by PXE. */
export function isPxeRom(family: Family): boolean {
  return family === "pxe-bios" || (family.startsWith("uefi-") && !family.startsWith("uefi-http-"));
}

/**
 * The menu that a machine is to show; undefined: none. iPXE that was loaded by a ROM gets none: the ROM has shown it, and what was
 * chosen there goes on.
 */
export function menuFor(
  { machine }: BootPlan,
  family: Family,
  sightings: Sightings,
): BootMenu | undefined {
  const menu = machine.profile?.menu;
  if (!menu || isPxeRom(family)) return menu;
  return family === "ipxe" && !sightings.cameByPxe(machine) ? menu : undefined;
}

/** How the journal calls an item: `"Memory test" of the menu`. */
export function itemText({ name }: MenuItem): string {
  return `"${name}" of the menu`;
}
