import { BlockList, isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import type { Clock } from "./clock.ts";

/** How often it is looked whether interfaces came, went, or have other addresses, ms. */
const LOOK_MS = 2_000;

/** An address that the agent is steered by. */
export interface ManagementAddress {
  readonly interface: string;
  /** As text; one of link-local IPv6 with its zone: "fe80::1%eth0". */
  readonly address: string;
}

/** Which interfaces count. */
export interface ManagementChoice {
  /** By name; undefined: those that follow from the rest. Empty: none. */
  readonly names: readonly string[] | undefined;
  /** The rack's, which counts where none are named; undefined: every one that is up and has a private address. */
  readonly rack: string | undefined;
}

/** RFC 1918, RFC 3927, RFC 4193 (ULA), RFC 4291 (link-local). */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
] as const) {
  PRIVATE.addSubnet(net, bits, "ipv4");
}
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addSubnet("fe80::", 10, "ipv6");

/** Whether an address is of a network that strangers of the Internet do not reach. */
export function isPrivate(address: string): boolean {
  return PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** The addresses that the agent is steered by, of those that this host has just now. */
export function managementAddresses(
  choice: ManagementChoice,
  host: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): readonly ManagementAddress[] {
  const { rack } = choice;
  const names = choice.names ?? (rack === undefined ? undefined : [rack]);
  return Object.entries(host).flatMap(([name, addresses = []]) => {
    if (names && !names.includes(name)) return [];
    return addresses
      .filter((a) => !a.internal && (names !== undefined || isPrivate(a.address)))
      .map(({ address, scopeid }) => ({
        interface: name,
        address: scopeid ? `${address}%${name}` : address,
      }));
  });
}

/** Follows those addresses as interfaces come and go. */
export class ManagementWatch {
  private readonly clock: Clock;
  private readonly choice: () => ManagementChoice;
  private readonly changed: (addresses: readonly ManagementAddress[]) => void;
  private cancel: (() => void) | undefined;
  private told = "";
  private known: readonly ManagementAddress[] = [];

  /** `changed` is called when they are others than before, at first at once. */
  constructor(
    clock: Clock,
    choice: () => ManagementChoice,
    changed: (addresses: readonly ManagementAddress[]) => void,
  ) {
    this.clock = clock;
    this.choice = choice;
    this.changed = changed;
  }

  get addresses(): readonly ManagementAddress[] {
    return this.known;
  }

  /** Looks now, and from then on now and then. */
  look(): void {
    this.cancel?.();
    this.cancel = this.clock.after(LOOK_MS, () => this.look());
    const addresses = managementAddresses(this.choice());
    const text = JSON.stringify(addresses);
    if (text === this.told) return;
    this.told = text;
    this.known = addresses;
    this.changed(addresses);
  }

  /** Has the next look tell of the addresses again, others or not. */
  repeat(): void {
    this.told = "";
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
