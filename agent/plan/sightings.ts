import { LRUCache } from "lru-cache";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Family } from "../site/families.ts";
import type { Machine } from "../site/site.ts";
import { isPxeRom } from "./boot-menu.ts";
import type { Recognition } from "./family.ts";

/** After this long without a word from it, a machine is taken to have started anew. */
const FORGET_MS = 10 * 60_000;
/** A loader asks within this time of being fetched; whatever asks later is a PROM that starts anew. */
const LOADER_MS = 2 * 60_000;
/** For so long what a PXE ROM loaded is taken to have been loaded by it. */
const PXE_MS = 2 * 60_000;

/** Machines remembered: more than a rack has. */
const MAX_SEEN = 4_096;
const NEVER: number = Number.NEGATIVE_INFINITY;

interface Sighting {
  family: Family;
  lastMs: number;
  /** When the machine fetched the loader that its PROM asks for. */
  loadedMs: number;
  /** When it asked by DHCP as a ROM that loads by PXE. */
  pxeMs: number;
}

/**
 * What each machine was last seen to be.
 *
 * Most protocols do not say who speaks: a TFTP read or a MOUNT is the same from all. What DHCP or RARP told a moment ago
 * holds until the machine starts anew, also over a change of the site. Bounded: the one heard longest ago is forgotten.
 */
export class Sightings {
  private readonly seen = new LRUCache<MacText, Sighting>({ max: MAX_SEEN });
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** The family as known now; "unknown" when it has not said. */
  familyOf(machine: Machine): Family {
    return this.current(machine)?.family ?? "unknown";
  }

  /** The same for whoever only looks: it is no sign of life. */
  lastFamily(machine: Machine): Family | undefined {
    const seen = this.seen.peek(machine.mac);
    return seen && this.now() - seen.lastMs <= FORGET_MS ? seen.family : undefined;
  }

  /** A machine asked for its address by RARP: it starts anew, and is taken for a PROM until it says otherwise. */
  rarp(machine: Machine): Recognition {
    const known = this.current(machine);
    // ofwboot asks by RARP a second time once it runs: that is the same boot.
    if (known && this.isLoaded(known)) {
      return this.remember(machine, {
        family: "bsd-loader",
        why: "its PROM has fetched the loader",
      });
    }
    return this.remember(machine, { family: "openfirmware", why: "asks by RARP" });
  }

  /** A machine asked by BOOTP or DHCP, and `told` is what its request says. */
  dhcp(machine: Machine, told: Recognition): Recognition {
    const known = this.current(machine);
    if (told.family === "unknown" && known && this.isLoaded(known) && machine.profile?.bsd) {
      return this.remember(machine, {
        family: "bsd-loader",
        why: "its PROM has fetched the loader",
      });
    }
    // GRUB asks for an address of its own and says nothing of itself; the ROM that loaded it did.
    if (told.bare && known && isRom(known.family)) {
      return this.remember(machine, {
        family: known.family,
        why: `names no class, as GRUB; it was ${known.family} a moment ago`,
      });
    }
    return this.remember(machine, told);
  }

  /** A machine fetched the boot program that its PROM's name stands for. */
  loaderFetched(machine: Machine): void {
    const known = this.current(machine) ?? this.fresh(machine);
    known.loadedMs = this.now();
  }

  /** Whether what speaks now was loaded by a PXE ROM of the machine. */
  cameByPxe(machine: Machine): boolean {
    const known = this.current(machine);
    return known !== undefined && this.now() - known.pxeMs <= PXE_MS;
  }

  private isLoaded(sighting: Sighting): boolean {
    return this.now() - sighting.loadedMs <= LOADER_MS;
  }

  private remember(machine: Machine, r: Recognition): Recognition {
    const sighting = this.current(machine) ?? this.fresh(machine);
    if (sighting.family !== r.family && r.family !== "bsd-loader") sighting.loadedMs = NEVER;
    sighting.family = r.family;
    if (isPxeRom(r.family)) sighting.pxeMs = this.now();
    return r;
  }

  private fresh(machine: Machine): Sighting {
    const lastMs = this.now();
    const sighting: Sighting = { family: "unknown", lastMs, loadedMs: NEVER, pxeMs: NEVER };
    this.seen.set(machine.mac, sighting);
    return sighting;
  }

  private current(machine: Machine): Sighting | undefined {
    const sighting = this.seen.get(machine.mac);
    if (!sighting) return undefined;
    const nowMs = this.now();
    if (nowMs - sighting.lastMs > FORGET_MS) return undefined;
    sighting.lastMs = nowMs;
    return sighting;
  }
}

/** Whether a family loads programs that go on asking by themselves. */
function isRom(family: Family): boolean {
  return family === "pxe-bios" || family.startsWith("uefi-");
}
