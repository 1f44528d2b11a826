import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import { FixedSlot } from "../assets/fixed-slot.ts";
import { PaddedSlot } from "../assets/padded-slot.ts";
import type { Assets } from "../assets/slot.ts";
import { TextContent } from "../assets/text-content.ts";
import type { FirstReads } from "../assets/trees/first-reads.ts";
import type { NodeIndex } from "../assets/trees/node-index.ts";
import { AgentError } from "../errors.ts";
import type { BootParameter, Machine, Profile, Root, Site, UnknownRule } from "../site/site.ts";
import type { BootPlan, Export } from "./boot-plan.ts";
import { FileTable } from "./file-table.ts";
import { Guests, guestMachine } from "./guests.ts";
import { Mounts } from "./mounts.ts";
import { assetsOf, rootAssets } from "./needs.ts";
import { decideOffer, fileUrl, IPXE_SCRIPT } from "./offer.ts";
import type { Plans } from "./plans.ts";
import { type Renderer, templateContext } from "./render.ts";
import { type MachineLayers, TreeTable } from "./tree-table.ts";
import { ruleFor, type UnknownEvidence } from "./unknown-rules.ts";

/** Sun PROMs load whole words. */
const PROM_UNIT = 4;
/** How long iPXE waits before it asks again for a file that it was refused, seconds. */
const IPXE_RETRY_S = 5;

/** What the planner works from. */
export interface PlannerInput {
  readonly site: Site;
  readonly assets: Assets;
  readonly renderer: Renderer;
  /** What files of directories were when they were first read; absent: that is forgotten with the plans. */
  readonly firstReads?: FirstReads;
  /** What machines change of their roots; absent: they are read-only. */
  readonly overlays?: MachineLayers;
  /** Told that a machine, which the site does not name, gets its root read-only although others may write to it. */
  readonly readOnlyGuest?: (machine: Machine, profile: Profile) => void;
  /** Where the nodes of directories were; absent: handles from before a restart are searched for. */
  readonly nodeIndex?: NodeIndex;
  /** When the site file last changed, ms since 1970: the date of generated texts. */
  readonly siteMtimeMs: number;
  /** The one before a change of the site: trees of roots that are as they were are taken over, with all that was given out of them. */
  readonly before?: Planner | undefined;
  /** Told what keeps a machine from booting; the other machines are served all the same. */
  readonly problem: (error: AgentError) => void;
}

/**
 * The one place that decides what is served to whom.
 *
 * All plans are made when the site is loaded, so that a boot waits for nothing but its octets. A plan names places; what is in
 * them may come, and be replaced, while the agent runs.
 */
export class Planner implements Plans {
  private readonly plans = new Map<Machine, BootPlan>();
  private readonly trees: TreeTable;
  private readonly mounts = new Mounts();
  private readonly guests = new Guests();
  private readonly input: PlannerInput;
  readonly site: Site;

  private constructor(input: PlannerInput) {
    const { before, ...rest } = input;
    this.input = rest;
    this.trees = new TreeTable(before?.trees);
    this.site = input.site;
  }

  static async create(input: PlannerInput): Promise<Planner> {
    const planner = new Planner(input);
    for (const machine of input.site.machines) {
      planner.plans.set(machine, await makePlan(machine, input, planner.trees));
    }
    for (const { evidence, plan } of input.before?.guests.all() ?? []) {
      const rule = ruleFor(input.site.unknown, evidence);
      if (rule?.profile && !input.site.machineByMac.has(evidence.mac)) {
        await planner.admit(evidence, rule, plan.address);
      }
    }
    planner.trees.settled();
    return planner;
  }

  /** What a machine of the site is served when it boots another profile of it than its own. */
  planWith(machine: Machine, profile: Profile): Promise<BootPlan> {
    return makePlan({ ...machine, profile }, this.input, this.trees);
  }

  /** The plans of all machines. */
  *all(): Iterable<BootPlan> {
    yield* this.plans.values();
    for (const { plan } of this.guests.all()) yield plan;
  }

  /** The plan of the machine with this MAC; undefined: not of this site, so it gets no answer. */
  byMac(mac: MacText): BootPlan | undefined {
    const machine = this.site.machineByMac.get(mac);
    return machine ? this.plans.get(machine) : this.guests.of(mac)?.plan;
  }

  /** The plan of the machine with this address. */
  byIp(address: number): BootPlan | undefined {
    const machine = this.site.machineByIp.get(address);
    return machine ? this.plans.get(machine) : this.guests.at(address)?.plan;
  }

  /** The rule for a machine that the site does not name. */
  ruleOf(evidence: UnknownEvidence): UnknownRule | undefined {
    return this.site.machineByMac.has(evidence.mac)
      ? undefined
      : ruleFor(this.site.unknown, evidence);
  }

  /** Makes the plan of such a machine, by which it is served from now on; it is forgotten when there are too many. */
  async admit(evidence: UnknownEvidence, rule: UnknownRule, address: Ipv4): Promise<BootPlan> {
    const machine = guestMachine(rule, evidence.mac, address);
    const plan = await makePlan(machine, this.input, this.trees);
    this.guests.put({ evidence, rule, plan });
    return plan;
  }

  // A site by itself has no overrides.

  asks(plan: BootPlan): BootPlan {
    return plan;
  }

  heard(): void {}

  heldBy(): undefined {}

  mounted({ machine }: BootPlan, exported: Export): void {
    this.mounts.set(machine.mac, exported);
  }

  mountedOn({ machine }: BootPlan): Export | undefined {
    return this.mounts.get(machine.mac);
  }
}

async function makePlan(
  machine: Machine,
  input: PlannerInput,
  trees: TreeTable,
): Promise<BootPlan> {
  const { site } = input;
  const { profile } = machine;
  const files = new FileTable();
  if (profile) {
    await addNamedFiles(files, machine, profile, input);
    addAssets(files, machine, profile, input);
    await addScript(files, machine, profile, input);
  }
  const exported = profile && (await exportOf(machine, profile, input, trees));
  const needs = assetsOf(machine).map((spec) => input.assets.slot(spec));
  return {
    machine,
    address: machine.ip,
    server: site.network.address,
    files,
    export: exported,
    bootparams: bootparamsOf(site, profile, exported),
    promFile: profile?.bsd ? profile.bsd.loader.name : profile?.boot,
    needs,
    rootFiles: rootAssets(rootOf(profile)).map((spec) => input.assets.slot(spec)),
    offer: (family, item) =>
      decideOffer(machine, family, exported?.path, site.network.address, item),
  };
}

/** The profile's own names come first: what the operator named is never hidden by what we generate. */
async function addNamedFiles(
  files: FileTable,
  machine: Machine,
  profile: Profile,
  input: PlannerInput,
): Promise<void> {
  for (const [name, source] of profile.files) {
    if (source.kind === "asset") {
      files.add(name, input.assets.slot(source.asset));
    } else {
      const context = contextOf(machine, input);
      const state = await input.renderer.file(name, source.file, context, input.siteMtimeMs);
      if (state instanceof AgentError) input.problem(state);
      files.add(name, new FixedSlot(name, state));
    }
  }
}

/** Each asset that the profile and the chain use, under its own name. */
function addAssets(
  files: FileTable,
  machine: Machine,
  profile: Profile,
  input: PlannerInput,
): void {
  const { assets } = input;
  const { bsd, linux } = profile;
  if (bsd) files.add(bsd.loader.name, new PaddedSlot(PROM_UNIT, assets.slot(bsd.loader)));
  const specs = [...(linux?.initrd ?? []), ...machine.chain.values()];
  if (linux?.kernel) specs.push(linux.kernel);
  for (const spec of specs) files.add(spec.name, assets.slot(spec));
}

async function addScript(
  files: FileTable,
  machine: Machine,
  profile: Profile,
  input: PlannerInput,
): Promise<void> {
  const linux = profile.linux;
  if (!linux?.kernel) return;
  const url = (name: string): string => fileUrl(input.site.network.address, name);
  try {
    const cmdline = linux.cmdline
      ? await input.renderer.text(linux.cmdline, contextOf(machine, input))
      : "";
    // initrd=NAME on the command line is how a kernel finds what iPXE loaded when both came by UEFI.
    const names = linux.initrd.map((asset) => `initrd=${asset.name}`);
    const kernel = ["kernel", url(linux.kernel.name), ...names, cmdline].filter((w) => w).join(" ");
    const initrds = linux.initrd.map((asset) => `initrd ${url(asset.name)}`);
    const script = new TextContent(IPXE_SCRIPT, bootScript(kernel, initrds), input.siteMtimeMs);
    files.add(IPXE_SCRIPT, new FixedSlot(IPXE_SCRIPT, script));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    files.add(IPXE_SCRIPT, new FixedSlot(IPXE_SCRIPT, error));
    input.problem(error);
  }
}

/**
 * What iPXE runs. A file that cannot be had yet is asked for again until it can: what was loaded before is freed, since a
 * second `initrd` of the same name would be loaded behind the first.
 */
function bootScript(kernel: string, initrds: readonly string[]): string {
  const lines = [
    "#!ipxe",
    ":load",
    ...[kernel, ...initrds].map((line) => `${line} || goto retry`),
    "boot",
    ":retry",
    `echo Trying again in ${IPXE_RETRY_S} seconds`,
    `sleep ${IPXE_RETRY_S}`,
    "imgfree",
    "goto load",
  ];
  return `${lines.join("\n")}\n`;
}

function contextOf(machine: Machine, input: PlannerInput): ReturnType<typeof templateContext> {
  return templateContext(machine, input.site);
}

function rootOf(profile: Profile | undefined): Root | undefined {
  return profile?.bsd?.root ?? profile?.linux?.root;
}

async function exportOf(
  machine: Machine,
  profile: Profile,
  input: PlannerInput,
  trees: TreeTable,
): Promise<Export | undefined> {
  const root = rootOf(profile);
  const path = profile.bsd?.rootPath ?? profile.linux?.rootPath;
  const rules = profile.bsd?.rules ?? profile.linux?.rules;
  if (!root || path === undefined || !rules) return undefined;
  try {
    const lower = await trees.open(root, profile.name, input);
    const quota = profile.bsd?.overlay ?? profile.linux?.overlay;
    if (quota === undefined) return { path, tree: lower, rules };
    if (!input.site.machineByMac.has(machine.mac)) {
      // Anybody may say that he has another card: each would get a layer.
      input.readOnlyGuest?.(machine, profile);
      return { path, tree: lower, rules };
    }
    const owner = { machine: machine.name, profile: profile.name };
    return { path, tree: trees.above(lower, owner, quota, input), rules };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    input.problem(error);
    return undefined;
  }
}

function bootparamsOf(
  site: Site,
  profile: Profile | undefined,
  exported: Export | undefined,
): ReadonlyMap<string, BootParameter> {
  const params = new Map<string, BootParameter>();
  if (exported) params.set("root", { address: site.network.address, path: exported.path });
  for (const [key, value] of profile?.bsd?.bootparams ?? []) params.set(key, value);
  return params;
}
