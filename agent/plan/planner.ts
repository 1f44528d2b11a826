import type { MacText } from "../../protocols/wire/mac-address.ts";
import { FixedSlot } from "../assets/fixed-slot.ts";
import { PaddedSlot } from "../assets/padded-slot.ts";
import type { Assets, Slot } from "../assets/slot.ts";
import { TextContent } from "../assets/text-content.ts";
import { AssetTree } from "../assets/trees/asset-tree.ts";
import { DirectoryTree } from "../assets/trees/directory-tree.ts";
import type { FirstReads } from "../assets/trees/first-reads.ts";
import type { Tree } from "../assets/trees/tree.ts";
import { AgentError } from "../errors.ts";
import type { BootParameter, Machine, Profile, Root, Site } from "../site/site.ts";
import type { BootPlan, Export } from "./boot-plan.ts";
import { FileTable } from "./file-table.ts";
import { Mounts } from "./mounts.ts";
import { assetsOf, rootAssets } from "./needs.ts";
import { decideOffer, fileUrl, IPXE_SCRIPT } from "./offer.ts";
import type { Plans } from "./plans.ts";
import { type Renderer, templateContext } from "./render.ts";

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
  /** When the site file last changed, ms since 1970: the date of generated texts. */
  readonly siteMtimeMs: number;
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
  private readonly trees = new Map<string, Tree>();
  private readonly mounts = new Mounts();
  private readonly input: PlannerInput;
  readonly site: Site;

  private constructor(input: PlannerInput) {
    this.input = input;
    this.site = input.site;
  }

  static async create(input: PlannerInput): Promise<Planner> {
    const planner = new Planner(input);
    for (const machine of input.site.machines) {
      planner.plans.set(machine, await makePlan(machine, input, planner.trees));
    }
    return planner;
  }

  /** What a machine of the site is served when it boots another profile of it than its own. */
  planWith(machine: Machine, profile: Profile): Promise<BootPlan> {
    return makePlan({ ...machine, profile }, this.input, this.trees);
  }

  /** The plans of all machines. */
  all(): Iterable<BootPlan> {
    return this.plans.values();
  }

  /** The plan of the machine with this MAC; undefined: not of this site, so it gets no answer. */
  byMac(mac: MacText): BootPlan | undefined {
    const machine = this.site.machineByMac.get(mac);
    return machine && this.plans.get(machine);
  }

  /** The plan of the machine with this address. */
  byIp(address: number): BootPlan | undefined {
    const machine = this.site.machineByIp.get(address);
    return machine && this.plans.get(machine);
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
  trees: Map<string, Tree>,
): Promise<BootPlan> {
  const { site } = input;
  const { profile } = machine;
  const files = new FileTable();
  if (profile) {
    await addNamedFiles(files, machine, profile, input);
    addAssets(files, machine, profile, input);
    await addScript(files, machine, profile, input);
  }
  const exported = profile && (await exportOf(profile, input, trees));
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
    offer: (family) => decideOffer(machine, family, exported?.path, site.network.address),
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
  profile: Profile,
  input: PlannerInput,
  trees: Map<string, Tree>,
): Promise<Export | undefined> {
  const root = rootOf(profile);
  const path = profile.bsd?.rootPath ?? profile.linux?.rootPath;
  if (!root || path === undefined) return undefined;
  const key = root.kind === "directory" ? `directory ${root.path}` : `files ${profile.name}`;
  const known = trees.get(key);
  if (known) return { path, tree: known };
  try {
    const tree = await openTree(root, profile.name, input);
    trees.set(key, tree);
    return { path, tree };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    input.problem(error);
    return undefined;
  }
}

async function openTree(root: Root, profile: string, input: PlannerInput): Promise<Tree> {
  if (root.kind === "directory")
    return DirectoryTree.open(root.path, input.assets.chunks, input.firstReads);
  const slots = new Map<string, Slot>();
  for (const [name, spec] of root.files) slots.set(name, input.assets.slot(spec));
  return new AssetTree(profile, slots);
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
