import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { MachineOverride } from "../control/messages.ts";
import { AgentError } from "../errors.ts";
import type { Journal, JournalNote, JournalStep } from "../log/journal.ts";
import type { Machine, Profile, Site, UnknownRule } from "../site/site.ts";
import { suggest } from "../site/suggest.ts";
import type { BootPlan, Export } from "./boot-plan.ts";
import { Boots } from "./boots.ts";
import { Mounts } from "./mounts.ts";
import type { BootOverride, OverrideRecord, OverrideRecords } from "./overrides.ts";
import { isEmpty } from "./overrides.ts";
import type { Planner } from "./planner.ts";
import type { Plans, Question } from "./plans.ts";
import type { UnknownEvidence } from "./unknown-rules.ts";

/** What the plans of a running agent are made of. */
export interface CurrentPlansInput {
  readonly planner: Planner;
  readonly records: OverrideRecords;
  readonly journal: Journal;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Told when what has changed by itself could not be written down. */
  readonly problem: (error: AgentError) => void;
  /** Told of what no operator can mend. */
  readonly crash: (bug: unknown) => void;
  /** Whose an address is that another DHCP server gave; it goes before what the site says. */
  readonly elsewhere?: { macAt(address: Ipv4): MacText | undefined };
}

/**
 * The plans of a running agent: those of its site, with what an operator overrides for single machines.
 *
 * Lives as long as the agent, and over changes of its site. The plan of a machine is decided when a boot of it begins, and is the
 * same in all protocols until the next one does: an override that comes or goes meanwhile changes nothing of what runs.
 */
export class CurrentPlans implements Plans {
  private planner: Planner;
  private readonly input: CurrentPlansInput;
  private readonly boots: Boots;
  private readonly mounts = new Mounts();
  private byName: ReadonlyMap<string, Machine> = new Map();
  private readonly records: Map<string, OverrideRecord>;
  /** Plans of overridden boots to come, by the machine's name. */
  private next = new Map<string, BootPlan>();
  /** Plans of overridden boots that have begun; machines without one have the site's. */
  private begun = new Map<MacText, BootPlan>();
  private readonly unfollow: () => void;
  private changing: Promise<unknown> = Promise.resolve();

  private constructor(input: CurrentPlansInput) {
    this.input = input;
    this.planner = input.planner;
    this.records = new Map(input.records.read());
    this.boots = new Boots(input.now);
    this.unfollow = input.journal.follow((step) => this.follow(step));
  }

  /** Rejects with E_STATE. */
  static async create(input: CurrentPlansInput): Promise<CurrentPlans> {
    const plans = new CurrentPlans(input);
    await plans.adopt(input.planner);
    for (const mac of plans.begun.keys()) plans.boots.restored(mac);
    return plans;
  }

  /** Goes over to another site. Overrides of machines or profiles that it does not have are dropped. Rejects with E_STATE. */
  replace(planner: Planner): Promise<void> {
    return this.alone(() => this.adopt(planner));
  }

  stop(): void {
    this.unfollow();
  }

  // What services ask.

  get site(): Site {
    return this.planner.site;
  }

  *all(): Iterable<BootPlan> {
    yield* this.planner.all();
    yield* this.next.values();
    yield* this.begun.values();
  }

  byMac(mac: MacText): BootPlan | undefined {
    return this.served(this.planner.byMac(mac));
  }

  byIp(address: number): BootPlan | undefined {
    const mac = this.input.elsewhere?.macAt(address);
    return mac === undefined ? this.served(this.planner.byIp(address)) : this.byMac(mac);
  }

  ruleOf(evidence: UnknownEvidence): UnknownRule | undefined {
    return this.planner.ruleOf(evidence);
  }

  admit(evidence: UnknownEvidence, rule: UnknownRule, address: Ipv4): Promise<BootPlan> {
    return this.planner.admit(evidence, rule, address);
  }

  asks(plan: BootPlan, question: Question): BootPlan {
    const { name, mac } = plan.machine;
    if (!this.isNamed(plan)) return plan;
    const verdict = this.boots.ask(mac, question);
    if (verdict === "begins") this.begins(name, mac);
    else if (verdict === "may-begin") return this.upcoming(name) ?? plan;
    return this.byMac(mac) ?? plan;
  }

  heard(plan: BootPlan): void {
    if (this.isNamed(plan)) this.boots.heard(plan.machine.mac);
  }

  /** Guests have no overrides, and where their boots begin is of no interest. */
  private isNamed({ machine }: BootPlan): boolean {
    return this.site.machineByMac.has(machine.mac);
  }

  heldBy({ machine }: BootPlan): string | undefined {
    return this.records.get(machine.name)?.hold?.by;
  }

  mounted({ machine }: BootPlan, exported: Export): void {
    this.mounts.set(machine.mac, exported);
  }

  mountedOn({ machine }: BootPlan): Export | undefined {
    return this.mounts.get(machine.mac);
  }

  // What operators ask. All reject with E_NOT_FOUND for a machine that the site does not have.

  /** The machine of this name. Throws E_NOT_FOUND. */
  machine(name: string): Machine {
    const found = this.byName.get(name);
    if (found) return found;
    const message = `the site ${this.site.name} has no machine "${name}"`;
    throw notFound(message, name, [...this.byName.keys()]);
  }

  /** The plan that a machine is served by now. */
  current(name: string): BootPlan | undefined {
    return this.byMac(this.machine(name).mac);
  }

  /** The plan that its next boot will have. */
  upcoming(name: string): BootPlan | undefined {
    return this.next.get(name) ?? this.planner.byMac(this.machine(name).mac);
  }

  overridesOf(name: string): readonly MachineOverride[] {
    const { taken, next, hold } = this.records.get(name) ?? {};
    const list: MachineOverride[] = [];
    if (taken) list.push({ kind: "boot", ...taken, taken: true });
    if (next) list.push({ kind: "boot", ...next, taken: false });
    if (hold) list.push({ kind: "hold", ...hold });
    return list;
  }

  /** The machine's next boot has this profile. Resolves when that is durable. */
  boot(name: string, profile: string, by: string): Promise<void> {
    return this.alone(async () => {
      const machine = this.machine(name);
      const next = { profile, by, since: this.time() };
      const plan = await planOf(this.planner, machine, this.profile(profile), next);
      await this.write(name, (record) => ({ ...record, next }));
      this.next.set(name, plan);
      wantAll(plan);
      this.note(machine, `its next boot has the profile ${profile}`, by);
    });
  }

  /** The machine gets no answer until it is released; what runs goes on. Resolves when that is durable. */
  hold(name: string, by: string): Promise<void> {
    return this.alone(async () => {
      const machine = this.machine(name);
      const held = { by, since: this.time() };
      await this.write(name, (record) => ({ ...record, hold: held }));
      this.note(machine, "it is held: no answers", by);
    });
  }

  /** Takes away all overrides of a machine; a boot that has begun goes on. Resolves when that is durable. */
  release(name: string, by: string): Promise<void> {
    return this.alone(async () => {
      const machine = this.machine(name);
      if (!this.records.has(name)) return;
      await this.write(name, () => ({}));
      this.next.delete(name);
      this.note(machine, "the site decides again", by);
    });
  }

  private profile(name: string): Profile {
    const { profiles, name: site } = this.site;
    const found = profiles.get(name);
    if (found) return found;
    throw notFound(`the site ${site} has no profile "${name}"`, name, [...profiles.keys()]);
  }

  private served(base: BootPlan | undefined): BootPlan | undefined {
    return base && (this.begun.get(base.machine.mac) ?? base);
  }

  /** A boot begins: the one before it is over, and with it its override. */
  private begins(name: string, mac: MacText): void {
    this.begun.delete(mac);
    const record = this.records.get(name);
    if (!record?.next && !record?.taken) return;
    const { next, taken, ...rest } = record;
    const plan = this.next.get(name);
    this.next.delete(name);
    const machine = this.machine(name);
    if (taken) this.note(machine, `its boot with the profile ${taken.profile} is over`, taken.by);
    if (next && plan) {
      this.begun.set(mac, plan);
      this.note(machine, `boots with the profile ${next.profile}`, next.by);
    }
    this.remember(name, { ...rest, ...(next && plan ? { taken: next } : {}) });
    this.alone(() => this.write(name, (now) => now)).catch((error: unknown) => this.failed(error));
  }

  /** Makes the plans of all overrides anew, then goes over to them at once. */
  private async adopt(planner: Planner): Promise<void> {
    const { site } = planner;
    const byName = new Map(site.machines.map((machine) => [machine.name, machine]));
    for (const [name, record] of [...this.records]) {
      const machine = byName.get(name);
      const kept = machine ? knownTo(site, record) : {};
      if (sameKinds(kept, record)) continue;
      await this.write(name, (now) => (machine ? knownTo(site, now) : {}));
      const what = machine ? "its profile" : "it";
      this.noteDropped(name, `${what} is not in the site ${site.name}`);
    }
    // A boot that begins meanwhile moves an override from one place to the other, and needs no other plan.
    const plans = new Map<BootOverride, BootPlan>();
    for (const [name, { next, taken }] of [...this.records]) {
      for (const override of [next, taken]) {
        const machine = byName.get(name);
        const profile = override && site.profiles.get(override.profile);
        if (!machine || !profile) continue;
        plans.set(override, await planOf(planner, machine, profile, override));
      }
    }
    const released = await this.released(planner);
    this.planner = planner;
    this.byName = byName;
    this.next = new Map();
    this.begun = released;
    for (const [name, { next, taken }] of this.records) {
      const mac = byName.get(name)?.mac;
      const [coming, begun] = [next && plans.get(next), taken && plans.get(taken)];
      if (coming) this.next.set(name, coming);
      if (begun && mac !== undefined) this.begun.set(mac, begun);
    }
    const isHere = (mac: MacText): boolean => site.machineByMac.has(mac);
    this.boots.keepOnly(isHere);
    this.mounts.keepOnly(isHere);
    for (const plan of [...this.next.values(), ...this.begun.values()]) wantAll(plan);
  }

  /** The plans of boots whose override was released while they went on. */
  private async released(planner: Planner): Promise<Map<MacText, BootPlan>> {
    const plans = new Map<MacText, BootPlan>();
    for (const [mac, { machine: was }] of [...this.begun]) {
      const machine = planner.site.machineByMac.get(mac);
      const profile = was.profile && planner.site.profiles.get(was.profile.name);
      if (!machine || !profile || this.records.get(was.name)?.taken) continue;
      plans.set(mac, await planner.planWith(machine, profile));
    }
    return plans;
  }

  /** Writes what a record becomes, then goes by it: a boot may have begun meanwhile. */
  private async write(
    name: string,
    change: (record: OverrideRecord) => OverrideRecord,
  ): Promise<void> {
    await this.input.records.write(name, change(this.records.get(name) ?? {}));
    this.remember(name, change(this.records.get(name) ?? {}));
  }

  private remember(name: string, record: OverrideRecord): void {
    if (!isEmpty(record)) this.records.set(name, record);
    else this.records.delete(name);
  }

  /** One change after the other: they wait for the disk. */
  private alone<T>(change: () => Promise<T>): Promise<T> {
    const done = this.changing.then(change, change);
    this.changing = done.catch(() => undefined);
    return done;
  }

  private follow({ mac, protocol, outcome }: JournalStep): void {
    if (mac === null || (protocol !== "tftp" && protocol !== "http")) return;
    if (outcome === "done") this.boots.loaded(mac);
    else if (outcome === "progress" || outcome === "failed") this.boots.heard(mac);
  }

  private failed(error: unknown): void {
    if (error instanceof AgentError) this.input.problem(error);
    else this.input.crash(error);
  }

  private time(): string {
    return new Date(this.input.wallMs()).toISOString();
  }

  private note({ name, mac, ip }: Machine, event: string, by: string): void {
    const note: JournalNote = {
      protocol: "agent",
      machine: name,
      mac,
      address: ip,
      event,
      decision: `override by ${by}`,
      outcome: "noted",
    };
    this.input.journal.note(note);
  }

  private noteDropped(machine: string, decision: string): void {
    const event = `an override of ${machine} was dropped`;
    this.input.journal.note({ protocol: "agent", machine, event, decision, outcome: "noted" });
  }
}

/** A plan whose offers say in the journal whose it is. */
async function planOf(
  planner: Planner,
  machine: Machine,
  profile: Profile,
  { by }: BootOverride,
): Promise<BootPlan> {
  const plan = await planner.planWith(machine, profile);
  return {
    ...plan,
    offer: (family, item) => {
      const offer = plan.offer(family, item);
      return { ...offer, why: `${offer.why}, for this boot by ${by}` };
    },
  };
}

/** Has all fetched that a boot may come to. */
function wantAll(plan: BootPlan): void {
  for (const slot of plan.needs) slot.want();
}

/** A record without the profiles that a site does not have. */
function knownTo({ profiles }: Site, { next, taken, hold }: OverrideRecord): OverrideRecord {
  return {
    ...(next && profiles.has(next.profile) ? { next } : {}),
    ...(taken && profiles.has(taken.profile) ? { taken } : {}),
    ...(hold ? { hold } : {}),
  };
}

function sameKinds(a: OverrideRecord, b: OverrideRecord): boolean {
  return !a.next === !b.next && !a.taken === !b.taken && !a.hold === !b.hold;
}

function notFound(message: string, asked: string, names: readonly string[]): AgentError {
  const near = suggest(asked, names);
  const some = names.slice(0, 20).join(", ");
  const cure = near === undefined ? `There are: ${some || "none"}.` : `Did you mean "${near}"?`;
  return new AgentError("E_NOT_FOUND", message, { cure });
}
