import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../../protocols/wire/mac-address.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import { type Recognition, recogniseDhcp } from "../../plan/family.ts";
import type { UnknownEvidence } from "../../plan/unknown-rules.ts";
import type { Family } from "../../site/families.ts";
import type { UnknownRule } from "../../site/site.ts";
import { Admissions } from "../admissions.ts";
import { type ServiceContext, UNKNOWN_MACHINE } from "../context.ts";
import { evidenceOf, unknownEvidence } from "./question.ts";
import { copyOf, type Message } from "./received.ts";

/** Who asks what to boot. */
export type BootAsker =
  | { readonly plan: BootPlan; readonly told: Recognition; readonly mac: MacText }
  /** `plan`: of a machine of the site that gets no answer all the same. */
  | { readonly plan: undefined; readonly why: string; readonly mac: MacText }
  /** The plan of a guest is being made; the message is looked at again when there is one. */
  | undefined;

/**
 * Finds who asks what to boot where another server gives the addresses: a machine of the site, or a guest that a rule of it lets
 * boot. A guest's plan has the address that the guest has from elsewhere, 0 while that is not known.
 */
export class BootAskers {
  private readonly context: ServiceContext;
  private readonly admissions = new Admissions();

  constructor(context: ServiceContext) {
    this.context = context;
  }

  /** `address`: what the asker has or asks for; 0: unknown. `again` is called with a copy of the message. */
  find(
    view: DhcpView,
    m: Message,
    address: Ipv4,
    again: ((copy: Message) => void) | undefined,
  ): BootAsker {
    const { planner } = this.context;
    const evidence = evidenceOf(view, m.o);
    const { mac } = evidence;
    const told = recogniseDhcp(evidence);
    const known = planner.byMac(mac);
    if (planner.site.machineByMac.has(mac)) {
      return known ? { plan: known, told, mac } : { plan: undefined, why: UNKNOWN_MACHINE, mac };
    }
    const shown = unknownEvidence(view, evidence, told);
    const rule = planner.ruleOf(shown);
    if (!rule) return { plan: undefined, why: UNKNOWN_MACHINE, mac };
    if (!rule.profile) {
      return { plan: undefined, why: `rule "${rule.name}" has nothing for it to boot`, mac };
    }
    const fits = known?.machine.profile === rule.profile;
    if (known && fits && (address === 0 || known.address === address)) {
      return { plan: known, told, mac };
    }
    if (again) this.admit(shown, rule, address, m, again);
    return again ? undefined : { plan: undefined, why: "its plan cannot be kept", mac };
  }

  private admit(
    shown: UnknownEvidence,
    rule: UnknownRule,
    address: Ipv4,
    { o, at, len }: Message,
    again: (copy: Message) => void,
  ): void {
    const { context } = this;
    const { mac } = shown;
    this.admissions.admit(
      mac,
      async () => {
        const copy = copyOf(o, at, len);
        await context.planner.admit(shown, rule, address);
        again({ o: copy, at: 0, len });
      },
      (error) => {
        const why = `its plan cannot be made: ${error instanceof Error ? error.message : error}`;
        const note = { protocol: "dhcp", mac, event: "a guest", decision: why } as const;
        context.journal.note({ ...note, outcome: "failed" });
      },
    );
  }
}

/** The part of a journal's note that says who asked what. */
export interface AboutAsker {
  readonly protocol: "dhcp" | "bootp";
  readonly mac: MacText;
  readonly event: string;
  readonly machine?: string;
  readonly address?: Ipv4;
  readonly family?: Family;
}

/** `plan`: absent for a machine that is none of ours. `event`: what it sent. */
export function aboutAsker(
  { sightings }: ServiceContext,
  mac: MacText,
  plan: BootPlan | undefined,
  event: string,
): AboutAsker {
  const protocol = event.startsWith("BOOTP") ? "bootp" : "dhcp";
  if (!plan) return { protocol, mac, event };
  const { machine, address } = plan;
  const family = sightings.familyOf(machine);
  const at = address === 0 ? {} : { address };
  return { protocol, mac, event, machine: machine.name, ...at, family };
}
