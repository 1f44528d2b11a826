import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { isWait, type Slot } from "../../assets/slot.ts";
import { AgentError } from "../../errors.ts";
import type { Journal, JournalEntry } from "../../log/journal.ts";
import { FAMILIES } from "../../site/families.ts";
import type { BootParameter, Machine } from "../../site/site.ts";
import type { MachinePlan, MachineStatus } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName, type RunningSite, theSite } from "./parts.ts";

type Verbs =
  | "machines.list"
  | "machines.plan"
  | "machines.boot"
  | "machines.hold"
  | "machines.release"
  | "machines.wake";

/** The machines of the site. */
export function machineHandlers(parts: AgentParts): Pick<Handlers, Verbs> {
  const { journal } = parts;
  const statusOf = (running: RunningSite, name: string): MachineStatus =>
    machineStatus(running, running.planner.machine(name), {
      booting: running.activity.machines().includes(name),
      last: lastStep(journal, name),
    });
  return {
    "machines.list": async () => {
      const running = parts.running();
      if (!running) return { machines: [] };
      const last = lastSteps(journal);
      const booting = new Set(running.activity.machines());
      const machines = running.planner.site.machines.map((machine) => {
        const { name } = machine;
        const now = { booting: booting.has(name), last: last.get(name) };
        return machineStatus(running, machine, now);
      });
      return { machines };
    },
    "machines.plan": async ({ machine }) => {
      const running = theSite(parts);
      return machinePlan(running, statusOf(running, machine));
    },
    "machines.boot": async ({ machine, profile }, { caller }) => {
      const running = theSite(parts);
      await running.planner.boot(machine, profile, callerName(caller));
      return statusOf(running, machine);
    },
    "machines.hold": async ({ machine }, { caller }) => {
      const running = theSite(parts);
      await running.planner.hold(machine, callerName(caller));
      return statusOf(running, machine);
    },
    "machines.release": async ({ machine }, { caller }) => {
      const running = theSite(parts);
      await running.planner.release(machine, callerName(caller));
      return statusOf(running, machine);
    },
    "machines.wake": async ({ machine }, { caller }) => {
      const running = theSite(parts);
      running.wake.wake(running.planner.machine(machine), callerName(caller));
      return statusOf(running, machine);
    },
  };
}

function machineStatus(
  { planner, sightings }: RunningSite,
  machine: Machine,
  { booting, last }: { readonly booting: boolean; readonly last: JournalEntry | undefined },
): MachineStatus {
  const { name, mac, ip } = machine;
  const plan = planner.current(name);
  return {
    name,
    mac,
    ip: formatIpv4(ip),
    profile: plan?.machine.profile?.name ?? null,
    family: sightings.lastFamily(machine) ?? null,
    booting,
    ...(last ? { last: { time: last.time, event: last.event, outcome: last.outcome } } : {}),
    overrides: planner.overridesOf(name),
  };
}

/** What the machine's next boot would be served. */
function machinePlan({ planner }: RunningSite, machine: MachineStatus): MachinePlan {
  const plan = planner.upcoming(machine.name);
  if (!plan) throw new AgentError("E_NOT_FOUND", `${machine.name} has no plan`);
  return {
    machine,
    server: formatIpv4(plan.server),
    offers: FAMILIES.map((family) => {
      const { bootFile = null, why } = plan.offer(family);
      return { family, bootFile, why };
    }),
    files: plan.files.names.map((name) => ({ name, ...fileState(plan.files.get(name)) })),
    root: plan.export ? { path: plan.export.path } : null,
    bootparams: Object.fromEntries(
      [...plan.bootparams].map(([key, value]) => [key, parameterText(value)]),
    ),
  };
}

function fileState(slot: Slot | undefined): {
  readonly octets: number | null;
  readonly state: string;
} {
  const state = slot?.current();
  if (state === undefined) return { octets: null, state: "not there" };
  if (isWait(state)) return { octets: null, state: state.why };
  if (state instanceof AgentError) return { octets: null, state: state.message };
  return { octets: state.size, state: "served" };
}

/** As bootparams(4) writes it: "server:path". */
function parameterText({ server, address, path }: BootParameter): string {
  return `${server ?? formatIpv4(address)}:${path}`;
}

/** The last step of each machine: what it did itself, and not what was done about it. */
function lastSteps(journal: Journal): ReadonlyMap<string, JournalEntry> {
  const last = new Map<string, JournalEntry>();
  for (const entry of journal.entries()) if (isStep(entry)) last.set(entry.machine ?? "", entry);
  return last;
}

function lastStep(journal: Journal, name: string): JournalEntry | undefined {
  return journal.entries().findLast((entry) => isStep(entry) && entry.machine === name);
}

function isStep({ machine, protocol }: JournalEntry): boolean {
  return machine !== null && protocol !== "agent";
}
