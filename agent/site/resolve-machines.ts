import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { type MacText, parseMac } from "../../protocols/wire/mac-address.ts";
import type { Names } from "./names.ts";
import type { Path, Problems } from "./problems.ts";
import { resolveChain } from "./resolve-assets.ts";
import { checkHost } from "./resolve-network.ts";
import { subnetOfAddress } from "./resolve-subnets.ts";
import type { RawMachine } from "./schema.ts";
import type { AssetSpec, Defaults, Machine, Network, Profile } from "./site.ts";
import { quote } from "./wording.ts";

/** What the machines are resolved against. */
export interface MachineContext {
  /** Undefined when the network itself is wrong: then addresses are checked against each other only. */
  readonly network: Network | undefined;
  readonly assets: Names<AssetSpec>;
  readonly profiles: Names<Profile>;
  readonly defaults: Defaults;
  readonly problems: Problems;
}

/** The machines that are right, in the order of the file; what is wrong with the others is reported. */
export function resolveMachines(
  raw: Readonly<Record<string, RawMachine>>,
  context: MachineContext,
): readonly Machine[] {
  const { problems } = context;
  const byMac = new Unique<MacText>(problems);
  const byIp = new Unique<Ipv4>(problems);
  const byHostname = new Unique<string>(problems);
  const machines: Machine[] = [];
  for (const [name, machine] of Object.entries(raw)) {
    const at = ["machines", name];
    const { mac, ip, hostname = name } = machine;
    if (mac === undefined) {
      const cure = 'add the address of the interface that it boots from: mac: "00:03:ba:5b:ae:b3"';
      problems.addMissing(at, "mac", `machine "${name}" has no mac`, cure);
    } else {
      byMac.add(mac, name, [...at, "mac"], `the MAC address ${mac}`);
    }
    if (ip === undefined) {
      const cure = "add the address that it shall have: ip: A.B.C.D";
      problems.addMissing(at, "ip", `machine "${name}" has no ip`, cure);
    } else if (checkIp(name, ip, context)) {
      byIp.add(ip, name, [...at, "ip"], `the address ${formatIpv4(ip)}`);
    }
    const hostnameAt = machine.hostname === undefined ? at : [...at, "hostname"];
    byHostname.add(hostname.toLowerCase(), name, hostnameAt, `the host name ${quote(hostname)}`);
    const resolved = resolveMachine(name, machine, context);
    if (resolved !== undefined) machines.push(resolved);
  }
  return Object.freeze(machines);
}

function resolveMachine(
  name: string,
  raw: RawMachine,
  context: MachineContext,
): Machine | undefined {
  const { assets, profiles, defaults } = context;
  const at = ["machines", name];
  const profile =
    raw.profile === undefined ? undefined : profiles.find(raw.profile, [...at, "profile"]);
  const own = resolveChain(raw.chain ?? {}, assets, [...at, "chain"]);
  const macOctets = raw.mac === undefined ? undefined : parseMac(raw.mac);
  if (raw.mac === undefined || macOctets === undefined || raw.ip === undefined) return undefined;
  return Object.freeze({
    name,
    mac: raw.mac,
    macOctets,
    ip: raw.ip,
    hostname: raw.hostname ?? name,
    vars: Object.freeze({ ...raw.vars }),
    chain: own.size === 0 ? defaults.chain : new Map([...defaults.chain, ...own]),
    ...(profile === undefined ? {} : { profile }),
  });
}

function checkIp(name: string, ip: Ipv4, { network, problems }: MachineContext): boolean {
  if (network === undefined) return true;
  const at = ["machines", name, "ip"];
  if (ip === network.address) {
    const message = `machine "${name}" has the address ${formatIpv4(ip)}, which is ours`;
    problems.add(at, message, "give one of the two another address");
    return false;
  }
  const subnet = subnetOfAddress(network.subnets.slice(1), ip);
  if (subnet && ip !== subnet.prefix && ip !== subnet.broadcast) return true;
  return checkHost(`machine "${name}"`, ip, network, at, problems);
}

/** Reports the second use of what each machine must have for itself. */
class Unique<K> {
  private readonly owners = new Map<K, { readonly name: string; readonly at: Path }>();
  private readonly problems: Problems;

  constructor(problems: Problems) {
    this.problems = problems;
  }

  add(value: K, name: string, at: Path, what: string): void {
    const owner = this.owners.get(value);
    if (owner === undefined) {
      this.owners.set(value, { name, at });
      return;
    }
    const line = this.problems.lineOf(owner.at);
    const message = `machine "${name}" has ${what}, as machine "${owner.name}" on line ${line}`;
    this.problems.add(at, message, "give each machine its own", at.length === 2 ? "key" : "value");
  }
}
