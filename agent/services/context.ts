import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { AddressBook } from "../addresses/address-book.ts";
import type { Clock } from "../link/clock.ts";
import type { Journal } from "../log/journal.ts";
import type { BootPlan } from "../plan/boot-plan.ts";
import type { Needs } from "../plan/needs.ts";
import type { Plans } from "../plan/plans.ts";
import type { Sightings } from "../plan/sightings.ts";
import type { Family } from "../site/families.ts";
import type { FileHandles } from "./nfs/handle.ts";

/** What every service works with. */
export interface ServiceContext {
  /** What is current: another one after a change of the site. Whoever has begun something keeps the plan that it began with. */
  readonly planner: Plans;
  /** Who has which address, whichever way it is asked for. */
  readonly addresses: AddressBook;
  readonly sightings: Sightings;
  readonly needs: Needs;
  readonly journal: Journal;
  readonly counters: StatusCounters;
  /** What MOUNT gives out and NFS takes. */
  readonly handles: FileHandles;
  readonly clock: Clock;
}

/** Counts of rubbish by "protocol status", so that hostile input costs a counter and nothing else. */
export class StatusCounters {
  private readonly counts = new Map<string, number>();

  /** Both parts come from fixed tables, which bounds the map. */
  add(protocol: string, status: string): void {
    const key = `${protocol} ${status}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  get(protocol: string, status: string): number {
    return this.counts.get(`${protocol} ${status}`) ?? 0;
  }

  entries(): readonly (readonly [string, number])[] {
    return [...this.counts];
  }
}

/** The part of a journal note that says who it was. */
export interface Who {
  readonly machine: string;
  readonly mac: string;
  readonly address: Ipv4;
  readonly family: Family;
}

/** Identifies a machine of the site for the journal. */
export function whoIs(plan: BootPlan, context: ServiceContext): Who {
  const { machine } = plan;
  return {
    machine: machine.name,
    mac: machine.mac,
    address: plan.address,
    family: context.sightings.familyOf(machine),
  };
}

/** A machine gave a sign of life: what it will need is fetched before it asks for it. */
export function signOfLife(plan: BootPlan, { needs, sightings, planner }: ServiceContext): void {
  planner.heard(plan);
  if (needs.isDue(plan)) needs.alive(plan, sightings.familyOf(plan.machine));
}

/** The words for a peer that the site does not know. */
export const UNKNOWN_MACHINE = "not a machine of this site, so it gets no answer";

/** Why a machine that an operator holds back gets no answer; undefined: it is not held. */
export function heldBack(plan: BootPlan, { planner }: ServiceContext): string | undefined {
  const by = planner.heldBy(plan);
  return by === undefined ? undefined : `held by ${by}`;
}
