import path from "node:path";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Names } from "./names.ts";
import type { Problems } from "./problems.ts";
import { resolveAssets, resolveChain } from "./resolve-assets.ts";
import { resolveMachines } from "./resolve-machines.ts";
import { resolveManagement } from "./resolve-management.ts";
import { resolveNetwork } from "./resolve-network.ts";
import { type HostAddresses, resolveProfiles } from "./resolve-profiles.ts";
import { resolveStores } from "./resolve-stores.ts";
import { resolveUnknown } from "./resolve-unknown.ts";
import type { RawSite } from "./schema.ts";
import type { Defaults, Network, Profile, Site } from "./site.ts";

/** The one served, the one before it, and the one before that. */
const DEFAULT_VERSIONS = 3;
const DEFAULT_REFRESH_MS = 6 * 3_600_000;

/** What resolving needs beside the file's own content. */
export interface ResolveContext {
  /** Absolute path of the site file. */
  readonly path: string;
  /** Whether a file is there; templates are looked for, since they are configuration as the site is. */
  readonly exists: (file: string) => boolean;
  /** The text of a public key's file; undefined when it cannot be read. Keys are configuration too. */
  readonly readKey: (file: string) => string | undefined;
  /** The sections before wrong parts were removed: what is declared there counts as declared. */
  readonly declared: {
    readonly assets?: unknown;
    readonly profiles?: unknown;
  };
  readonly problems: Problems;
}

/**
 * Replaces names by what they name and checks what no single value shows: that required keys are there, names
 * declared, addresses unique and inside the network. Undefined when a problem was reported, here or before.
 */
export function resolveSite(raw: RawSite, context: ResolveContext): Site | undefined {
  const { problems, declared } = context;
  const dir = path.dirname(context.path);
  if (raw.site === undefined) {
    problems.addMissing([], "site", "the site has no name", 'begin the file with "site: NAME"');
  }
  const network = resolveNetwork(raw.network, problems);
  const management = resolveManagement(raw.management ?? {}, { dir, problems });
  const stores = resolveStores(raw.stores ?? {}, { dir, problems });
  const { size, versions = DEFAULT_VERSIONS, refresh = DEFAULT_REFRESH_MS } = raw.cache ?? {};
  const assets = resolveAssets(raw.assets ?? {}, {
    ...context,
    dir,
    stores,
    declared: declared.assets,
    refreshMs: refresh,
  });
  const defaults: Defaults = {
    chain: resolveChain(raw.defaults?.chain ?? {}, assets, ["defaults", "chain"]),
  };
  const hosts = hostAddresses(raw, network);
  const profiles = new Names<Profile>("profile", "profiles", declared.profiles, problems);
  resolveProfiles(raw.profiles ?? {}, { ...context, dir, assets, hosts }, profiles);
  const machines = resolveMachines(raw.machines ?? {}, {
    problems,
    network,
    assets,
    profiles,
    defaults,
  });
  const unknown = resolveUnknown(raw.unknown ?? {}, { assets, profiles, defaults });
  if (problems.count > 0 || raw.site === undefined || network === undefined) return undefined;
  return Object.freeze({
    name: raw.site,
    path: context.path,
    dir,
    network,
    management,
    assets: assets.resolved,
    cache: Object.freeze({ versions, ...(size === undefined ? {} : { size }) }),
    profiles: profiles.resolved,
    defaults,
    machines,
    machineByMac: new Map(machines.map((m) => [m.mac, m])),
    machineByIp: new Map(machines.map((m) => [m.ip, m])),
    unknown,
  });
}

/** Whose address a bootparams server's name may stand for: the machines of the site. */
function hostAddresses(raw: RawSite, network: Network | undefined): HostAddresses {
  const byName = new Map<string, Ipv4>();
  for (const [name, { ip, hostname }] of Object.entries(raw.machines ?? {})) {
    if (ip === undefined) continue;
    byName.set(name.toLowerCase(), ip);
    if (hostname !== undefined) byName.set(hostname.toLowerCase(), ip);
  }
  return { ours: network?.address ?? 0, byName };
}
