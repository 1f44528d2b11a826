import { LRUCache } from "lru-cache";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { type MacText, parseMac } from "../../protocols/wire/mac-address.ts";
import type { Machine, UnknownRule } from "../site/site.ts";
import type { BootPlan, Offer } from "./boot-plan.ts";
import { FileTable } from "./file-table.ts";
import type { UnknownEvidence } from "./unknown-rules.ts";

/** Guests whose plans are kept; the one that was admitted longest ago makes room. */
const MAX_GUESTS = 1_024;

/** A machine that the site does not name, and that a rule of it lets boot. */
export interface Guest {
  readonly evidence: UnknownEvidence;
  readonly rule: UnknownRule;
  readonly plan: BootPlan;
}

/** The guests of a site that have something to boot, by card and by address. Bounded. */
export class Guests {
  private readonly byMac = new LRUCache<MacText, Guest>({
    max: MAX_GUESTS,
    dispose: ({ plan }, mac) => {
      if (this.macAt.get(plan.address) === mac) this.macAt.delete(plan.address);
    },
  });
  private readonly macAt = new Map<Ipv4, MacText>();

  of(mac: MacText): Guest | undefined {
    return this.byMac.peek(mac);
  }

  at(address: Ipv4): Guest | undefined {
    const mac = this.macAt.get(address);
    return mac === undefined ? undefined : this.byMac.peek(mac);
  }

  *all(): Iterable<Guest> {
    for (const guest of this.byMac.rvalues()) if (guest) yield guest;
  }

  put(guest: Guest): void {
    const { mac, ip } = guest.plan.machine;
    this.byMac.delete(mac);
    const there = this.macAt.get(ip);
    if (there !== undefined) this.byMac.delete(there);
    this.byMac.set(mac, guest);
    this.macAt.set(ip, mac);
  }
}

/** A guest as a machine: called by its rule and its card, "lab-aabbcc". */
export function guestMachine(rule: UnknownRule, mac: MacText, ip: Ipv4): Machine {
  const name = guestName(rule, mac);
  return {
    name,
    mac,
    macOctets: parseMac(mac) ?? new Uint8Array(),
    ip,
    hostname: name.replace(/[^A-Za-z0-9-]/g, "-").slice(0, 63),
    vars: rule.vars,
    chain: rule.chain,
    ...(rule.profile === undefined ? {} : { profile: rule.profile }),
  };
}

const NO_FILES: FileTable = new FileTable();
const NO_PARAMETERS: BootPlan["bootparams"] = new Map();
const NOTHING: readonly never[] = [];
const OFFERS: WeakMap<UnknownRule, Offer> = new WeakMap();

/** A guest without a profile, which gets an address. Nobody keeps it, and all of them share what is empty. */
export class AddressOnly implements BootPlan {
  readonly machine: Machine;
  readonly address: Ipv4;
  readonly server: Ipv4;
  readonly files: FileTable = NO_FILES;
  readonly export: undefined;
  readonly bootparams: BootPlan["bootparams"] = NO_PARAMETERS;
  readonly promFile: undefined;
  readonly needs: readonly never[] = NOTHING;
  readonly rootFiles: readonly never[] = NOTHING;
  private readonly rule: UnknownRule;

  /** `mac`: of the card, its six octets in `macOctets`. */
  constructor(rule: UnknownRule, mac: MacText, macOctets: Uint8Array, ip: Ipv4, server: Ipv4) {
    this.rule = rule;
    this.machine = {
      name: guestName(rule, mac),
      mac,
      macOctets,
      ip,
      hostname: "",
      vars: rule.vars,
      chain: rule.chain,
    };
    this.address = ip;
    this.server = server;
  }

  offer(): Offer {
    let offer = OFFERS.get(this.rule);
    if (!offer) {
      const why = `rule "${this.rule.name}" gives an address only`;
      offer = { bootFile: undefined, file: undefined, rootPath: undefined, why };
      OFFERS.set(this.rule, offer);
    }
    return offer;
  }
}

/** The last three octets of its card tell it from others of its rule. */
function guestName(rule: UnknownRule, mac: MacText): string {
  return `${rule.name}-${mac.slice(9, 11)}${mac.slice(12, 14)}${mac.slice(15)}`;
}
