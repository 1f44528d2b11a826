import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Content } from "../assets/content.ts";
import { PaddedContent } from "../assets/padded-content.ts";
import type { AssetStore } from "../assets/store.ts";
import { TextContent } from "../assets/text-content.ts";
import { AssetTree } from "../assets/trees/asset-tree.ts";
import { DirectoryTree } from "../assets/trees/directory-tree.ts";
import type { Tree } from "../assets/trees/tree.ts";
import { AgentError } from "../errors.ts";
import type { AssetSpec, BootParameter, Machine, Profile, Root, Site } from "../site/site.ts";
import type { BootPlan, Export } from "./boot-plan.ts";
import { FileTable } from "./file-table.ts";
import { decideOffer, fileUrl, IPXE_SCRIPT } from "./offer.ts";
import { type Renderer, templateContext } from "./render.ts";

/** Sun PROMs load whole words. */
const PROM_UNIT = 4;

/** What the planner works from. */
export interface PlannerInput {
  readonly site: Site;
  readonly store: AssetStore;
  readonly renderer: Renderer;
  /** When the site file last changed, ms since 1970: the date of generated texts. */
  readonly siteMtimeMs: number;
  /** Told what keeps a machine from booting; the other machines are served all the same. */
  readonly problem: (error: AgentError) => void;
}

/**
 * The one place that decides what is served to whom.
 *
 * All plans are made when the site is loaded, so that a boot waits for nothing but its octets.
 */
export class Planner {
  private readonly plans: ReadonlyMap<Machine, BootPlan>;
  readonly site: Site;

  private constructor(site: Site, plans: ReadonlyMap<Machine, BootPlan>) {
    this.site = site;
    this.plans = plans;
  }

  static async create(input: PlannerInput): Promise<Planner> {
    const plans = new Map<Machine, BootPlan>();
    const trees = new Map<string, Tree>();
    for (const machine of input.site.machines) {
      plans.set(machine, await makePlan(machine, input, trees));
    }
    return new Planner(input.site, plans);
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
  return {
    machine,
    address: machine.ip,
    server: site.network.address,
    files,
    export: exported,
    bootparams: bootparamsOf(site, profile, exported),
    promFile: profile?.bsd ? profile.bsd.loader.name : profile?.boot,
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
      files.add(name, input.store.get(source.asset));
    } else {
      const context = contextOf(machine, input);
      const state = await input.renderer.file(name, source.file, context, input.siteMtimeMs);
      if (state instanceof AgentError) input.problem(state);
      files.add(name, state);
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
  const { bsd, linux } = profile;
  if (bsd) {
    const loader = input.store.get(bsd.loader);
    files.add(
      bsd.loader.name,
      loader instanceof AgentError ? loader : PaddedContent.to(PROM_UNIT, loader),
    );
  }
  const specs: AssetSpec[] = [...(linux?.initrd ?? []), ...machine.chain.values()];
  if (linux?.kernel) specs.push(linux.kernel);
  for (const spec of specs) files.add(spec.name, input.store.get(spec));
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
    const lines = [
      "#!ipxe",
      ["kernel", url(linux.kernel.name), ...names, cmdline].filter((w) => w).join(" "),
      ...linux.initrd.map((asset) => `initrd ${url(asset.name)}`),
      "boot",
    ];
    files.add(
      IPXE_SCRIPT,
      new TextContent(IPXE_SCRIPT, `${lines.join("\n")}\n`, input.siteMtimeMs),
    );
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    files.add(IPXE_SCRIPT, error);
    input.problem(error);
  }
}

function contextOf(machine: Machine, input: PlannerInput): ReturnType<typeof templateContext> {
  return templateContext(machine, input.site);
}

async function exportOf(
  profile: Profile,
  input: PlannerInput,
  trees: Map<string, Tree>,
): Promise<Export | undefined> {
  const root = profile.bsd?.root ?? profile.linux?.root;
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
  if (root.kind === "directory") return DirectoryTree.open(root.path, input.store.cache);
  const contents = new Map<string, Content>();
  for (const [name, spec] of root.files) {
    const state = input.store.get(spec);
    // A root with a hole in it boots half way and fails where nobody looks: say what is missing, serve the rest.
    if (!(state instanceof AgentError)) contents.set(name, state);
  }
  return new AssetTree(profile, contents);
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
