import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { hexIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Slot, SlotState } from "../assets/slot.ts";
import type { Tree } from "../assets/trees/tree.ts";
import type { Family } from "../site/families.ts";
import type { BootParameter, ExportRules, Machine, MenuItem } from "../site/site.ts";
import { type FileTable, normaliseName } from "./file-table.ts";

/** What is offered to a firmware that asks for its boot file; all services that offer one say the same. */
export interface Offer {
  /** A name of the file table, or a URL; undefined: an address only. */
  readonly bootFile: string | undefined;
  /** The name of the file table that `bootFile` leads to. */
  readonly file: string | undefined;
  /** The NFS root as this family wants it written. */
  readonly rootPath: string | undefined;
  /** Why it is this, for the journal. */
  readonly why: string;
}

/** A tree that a machine may mount, and under which path. */
export interface Export {
  /** Absolute, without a trailing slash. */
  readonly path: string;
  readonly tree: Tree;
  readonly rules: ExportRules;
}

/** What a name leads to, and why. */
export interface FileDecision {
  readonly name: string;
  /** The place that the name leads to; undefined: it leads nowhere. */
  readonly slot: Slot | undefined;
  /** What is there now. */
  readonly state: SlotState | undefined;
  readonly why: string;
}

/**
 * Everything that one machine is served, in all protocols.
 *
 * Made from the site when it is loaded; services only ask it.
 */
export interface BootPlan {
  readonly machine: Machine;
  readonly address: Ipv4;
  /** Ours: the TFTP, NFS and HTTP server. */
  readonly server: Ipv4;
  readonly files: FileTable;
  readonly export: Export | undefined;
  /** BOOTPARAMS keys, `root` among them when there is an export. */
  readonly bootparams: ReadonlyMap<string, BootParameter>;
  /** The name in `files` that a PROM gets for its address in hex. */
  readonly promFile: string | undefined;
  /** All that it may need, in the order in which a boot comes to it. */
  readonly needs: readonly Slot[];
  /** Those of them that are files of its root. */
  readonly rootFiles: readonly Slot[];
  /** `item`: what was chosen from the profile's menu; absent: nothing was. */
  offer(family: Family, item?: MenuItem): Offer;
}

/** "C0A84D15" or "C0A84D15.SUN4M": what Sun PROMs ask for. */
const PROM_NAME = /^([0-9A-Fa-f]{8})(\.SUN4[A-Z]?)?$/i;

/** Finds what a file name means to a machine, and what is there now. */
export function decideFile(plan: BootPlan, asked: string): FileDecision {
  const name = normaliseName(asked);
  if (name === undefined) return nothing(asked, "not a name that could be served");
  const direct = plan.files.get(name);
  if (direct) return found(name, direct, `${plan.machine.name} has this file`);
  const prom = PROM_NAME.exec(name);
  if (!prom) return nothing(name, missing(plan, name));
  if (prom[1]?.toUpperCase() !== hexIpv4(plan.address)) {
    return nothing(name, "another machine's address in hex");
  }
  if (plan.promFile === undefined) {
    return nothing(name, `${plan.machine.name} has no loader for its PROM`);
  }
  const slot = plan.files.get(plan.promFile);
  const why = `its address in hex means ${plan.promFile}`;
  return slot ? found(plan.promFile, slot, why) : nothing(plan.promFile, why);
}

function found(name: string, slot: Slot, why: string): FileDecision {
  return { name, slot, state: slot.current(), why };
}

function nothing(name: string, why: string): FileDecision {
  return { name, slot: undefined, state: undefined, why };
}

function missing(plan: BootPlan, name: string): string {
  const profile = plan.machine.profile;
  if (!profile) return `${plan.machine.name} has no profile, so it has no files`;
  return `profile ${profile.name} has no file "${name}"`;
}
