import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { type MacText, parseMac } from "../../protocols/wire/mac-address.ts";
import type { Machine, UnknownRule } from "../site/site.ts";
import type { BootPlan, Offer } from "./boot-plan.ts";
import { FileTable } from "./file-table.ts";
import type { UnknownEvidence } from "./unknown-rules.ts";

/** Guests whose plans are kept; the one that was admitted longest ago makes room. */
const MAX_GUESTS = 1_024;
/** Hex digits of its card by which a guest is called. */
const NAME_DIGITS = 6;

/** A machine that the site does not name, and that a rule of it lets boot. */
export interface Guest {
  readonly evidence: UnknownEvidence;
  readonly rule: UnknownRule;
  readonly plan: BootPlan;
}

/** The guests of a site that have something to boot, by card and by address. Bounded. */
export class Guests {
  private readonly byMac = new Map<MacText, Guest>();
  private readonly macAt = new Map<Ipv4, MacText>();

  of(mac: MacText): Guest | undefined {
    return this.byMac.get(mac);
  }

  at(address: Ipv4): Guest | undefined {
    const mac = this.macAt.get(address);
    return mac === undefined ? undefined : this.byMac.get(mac);
  }

  all(): Iterable<Guest> {
    return this.byMac.values();
  }

  put(guest: Guest): void {
    const { mac, ip } = guest.plan.machine;
    this.remove(mac);
    const there = this.macAt.get(ip);
    if (there !== undefined) this.remove(there);
    this.byMac.set(mac, guest);
    this.macAt.set(ip, mac);
    if (this.byMac.size <= MAX_GUESTS) return;
    const oldest = this.byMac.keys().next().value;
    if (oldest !== undefined) this.remove(oldest);
  }

  private remove(mac: MacText): void {
    const guest = this.byMac.get(mac);
    if (!guest) return;
    this.byMac.delete(mac);
    if (this.macAt.get(guest.plan.address) === mac) this.macAt.delete(guest.plan.address);
  }
}

/** A guest as a machine: called by its rule and its card, "lab-aabbcc". */
export function guestMachine(rule: UnknownRule, mac: MacText, ip: Ipv4): Machine {
  const name = `${rule.name}-${mac.replaceAll(":", "").slice(-NAME_DIGITS)}`;
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

/** What a guest without a profile gets: an address. Nobody keeps it. */
export function addressOnly(rule: UnknownRule, mac: MacText, ip: Ipv4, server: Ipv4): BootPlan {
  const machine = guestMachine(rule, mac, ip);
  const offer: Offer = {
    bootFile: undefined,
    file: undefined,
    rootPath: undefined,
    why: `rule "${rule.name}" gives an address only`,
  };
  return {
    machine,
    address: ip,
    server,
    files: new FileTable(),
    export: undefined,
    bootparams: new Map(),
    promFile: undefined,
    needs: [],
    rootFiles: [],
    offer: () => offer,
  };
}
