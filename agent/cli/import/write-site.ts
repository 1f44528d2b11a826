import { Document } from "yaml";
import {
  formatIpv4,
  maskOf,
  parseIpv4,
  sameNetwork,
} from "../../../protocols/wire/ipv4-address.ts";
import type { Draft, DraftProfile, DraftSubnet } from "./draft.ts";

/** What the old files do not say: who we are in the rack. */
export interface OwnPlace {
  readonly site: string;
  /** "10.0.0.1/24"; undefined: the first host of the first subnet is written, to be corrected. */
  readonly address: string | undefined;
}

const HEAD =
  " Written by `pilotlight import`. Look through it, then: pilotlight check FILE\n What could not be carried over was told when it was written.";

/** The draft as the text of a site file; what it lacks is noted in the draft. */
export function siteText(draft: Draft, own: OwnPlace): string {
  completeMachines(draft);
  const rack = rackSubnet(draft, own);
  const address = own.address ?? firstHost(rack, draft);
  const others = [...draft.subnets.values()].filter((s) => s !== rack);
  const site: {
    [K in "site" | "network"]: unknown;
  } & { [K in "assets" | "profiles" | "defaults" | "machines" | "unknown"]?: unknown } = {
    site: own.site,
    network: {
      ...(draft.interface === undefined ? {} : { interface: draft.interface }),
      address,
      ...addressing(rack),
      ...(others.length === 0
        ? {}
        : {
            subnets: Object.fromEntries(
              others.map((s, i) => [`subnet-${i + 2}`, { prefix: s.prefix, ...addressing(s) }]),
            ),
          }),
    },
  };
  if (draft.assets.size > 0) {
    site.assets = Object.fromEntries(
      [...draft.assets].map(([name, place]) => [
        name,
        /^https?:/.test(place) ? { url: place } : { file: place },
      ]),
    );
  }
  const profiles = [...draft.profiles].filter(([, p]) => !p.bsd || p.bsd.loader !== undefined);
  if (profiles.length > 0)
    site.profiles = Object.fromEntries(profiles.map(([name, p]) => [name, profileOf(p)]));
  if (draft.chain.size > 0) site.defaults = { chain: Object.fromEntries(draft.chain) };
  const known = new Set(profiles.map(([name]) => name));
  const machines = [...draft.machines.values()].filter(
    (m) => m.mac !== undefined && m.ip !== undefined,
  );
  if (machines.length > 0) {
    site.machines = Object.fromEntries(
      machines.map((m) => [
        m.name,
        {
          mac: m.mac,
          ip: m.ip,
          ...(m.hostname === undefined || m.hostname === m.name ? {} : { hostname: m.hostname }),
          ...(m.profile !== undefined && known.has(m.profile) ? { profile: m.profile } : {}),
        },
      ]),
    );
  }
  if (draft.servesStrangers) site.unknown = { "everybody-else": {} };
  const document = new Document(site);
  document.commentBefore = HEAD;
  return document.toString({ lineWidth: 120 });
}

function addressing({ router, dns, domain, pool, lease }: DraftSubnet): Record<string, unknown> {
  return {
    ...(router === undefined ? {} : { router }),
    ...(dns === undefined || dns.length === 0 ? {} : { dns }),
    ...(domain === undefined ? {} : { domain }),
    ...(pool.length === 0 ? {} : { pool }),
    ...(lease === undefined ? {} : { lease }),
  };
}

function profileOf({ files, boot, bsd }: DraftProfile): Record<string, unknown> {
  if (!bsd) return { files: Object.fromEntries(files), ...(boot === undefined ? {} : { boot }) };
  const { loader, root, rootPath, bootparams } = bsd;
  return {
    bsd: {
      loader,
      root,
      rootPath,
      ...(bootparams.size === 0 ? {} : { bootparams: Object.fromEntries(bootparams) }),
    },
  };
}

/** Cards get the addresses of their names; what lacks one of the two is told and left out. */
function completeMachines(draft: Draft): void {
  for (const machine of draft.machines.values()) {
    const ip = machine.ip ?? draft.addressOf.get(machine.name.toLowerCase());
    if (ip !== undefined) machine.ip = ip;
    const lacks =
      machine.mac === undefined
        ? "card: add its mac"
        : ip === undefined
          ? "address: add its ip"
          : undefined;
    if (lacks) draft.note("machines", 0, `${machine.name} is left out, it has no ${lacks}`);
  }
  for (const [name, { bsd }] of draft.profiles) {
    if (bsd && bsd.loader === undefined) {
      draft.note(
        "profiles",
        0,
        `the root ${bsd.root} (${name}) is left out, no boot program is known for it: give --tftpboot, or add profiles.${name}.bsd with loader and root`,
      );
    }
  }
}

/** The subnet of our address, or that which has most machines. */
function rackSubnet(draft: Draft, own: OwnPlace): DraftSubnet {
  const subnets = [...draft.subnets.values()];
  const ours = own.address?.split("/")[0];
  const holds = (s: DraftSubnet, address: string | undefined): boolean => {
    const [text = "", len = "24"] = s.prefix.split("/");
    const prefix = parseIpv4(text);
    const a = parseIpv4(address ?? "");
    return prefix !== undefined && a !== undefined && sameNetwork(prefix, a, maskOf(Number(len)));
  };
  const machines = [...draft.machines.values()];
  const count = (s: DraftSubnet): number => machines.filter((m) => holds(s, m.ip)).length;
  const found =
    (ours !== undefined ? subnets.find((s) => holds(s, ours)) : undefined) ??
    subnets.toSorted((a, b) => count(b) - count(a))[0];
  if (found) return found;
  const [first] = machines.filter((m) => m.ip !== undefined);
  const prefix = `${formatIpv4((parseIpv4(ours ?? first?.ip ?? "") ?? 0xc0a80001 | 0) & maskOf(24))}/24`;
  return draft.subnet(prefix);
}

function firstHost(rack: DraftSubnet, draft: Draft): string {
  const [text = "", len = "24"] = rack.prefix.split("/");
  const taken = new Set([...draft.machines.values()].map((m) => m.ip));
  if (rack.router !== undefined) taken.add(rack.router);
  let address = (parseIpv4(text) ?? 0) + 1;
  while (taken.has(formatIpv4(address))) address += 1;
  const found = `${formatIpv4(address)}/${len}`;
  draft.note(
    "network",
    0,
    `our own address is a guess, ${found}: correct network.address, or give --address`,
  );
  return found;
}
