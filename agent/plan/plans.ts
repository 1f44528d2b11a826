import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Family } from "../site/families.ts";
import type { Site, UnknownRule } from "../site/site.ts";
import type { BootPlan, Export } from "./boot-plan.ts";
import type { UnknownEvidence } from "./unknown-rules.ts";

/** What a machine has asked, as far as it tells where in its boot it is. */
export type Question =
  | { readonly by: "rarp" }
  /** `first`: BOOTP or DISCOVER, which begin an exchange. */
  | { readonly by: "dhcp"; readonly family: Family; readonly first: boolean }
  /** `rpc`: any program but NFS, which a running system speaks without an end. */
  | { readonly by: "tftp" | "http" | "rpc" };

/** What services ask: who boots what, now. */
export interface Plans {
  readonly site: Site;
  /** All plans that machines may be served by. */
  all(): Iterable<BootPlan>;
  /** The plan of the machine with this MAC; undefined: not of this site, so it gets no answer. */
  byMac(mac: MacText): BootPlan | undefined;
  /** The plan of the machine with this address. */
  byIp(address: number): BootPlan | undefined;
  /** The rule for a machine that the site does not name; undefined: none is about it. */
  ruleOf(evidence: UnknownEvidence): UnknownRule | undefined;
  /** Makes the plan of such a machine, by which it is served from now on. */
  admit(evidence: UnknownEvidence, rule: UnknownRule, address: Ipv4): Promise<BootPlan>;
  /** The plan to answer this question by: another one than `plan` when the question begins a boot. */
  asks(plan: BootPlan, question: Question): BootPlan;
  /** A machine gave a sign of life. */
  heard(plan: BootPlan): void;
  /** Whoever holds the machine back; then it gets no answer. */
  heldBy(plan: BootPlan): string | undefined;
  /** A machine mounted this, and forgets what it had mounted before. */
  mounted(plan: BootPlan, exported: Export): void;
  /** What it mounted last, which may be of another plan than the present one. */
  mountedOn(plan: BootPlan): Export | undefined;
}
