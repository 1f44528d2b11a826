import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { parseMac } from "../../protocols/wire/mac-address.ts";
import { AgentError } from "../errors.ts";

/** The interface that the rack hangs on. */
export interface RackInterface {
  readonly name: string;
  readonly mac: Uint8Array;
}

const ETHERNET_MTU = 1_500;

/** The kernel's table of this network namespace's interfaces, whether or not they are up. */
const TABLE = "/proc/net/dev";

/**
 * Finds the interface and makes sure that it has the site's address.
 *
 * Throws E_INTERFACE with the command that mends it: no such interface, it is down or without a link, or it lacks the address.
 */
export function findInterface(name: string, address: Ipv4, prefixLen: number): RackInterface {
  const want = formatIpv4(address);
  const addAddress = `ip addr add ${want}/${prefixLen} brd + dev ${name}`;
  const found = networkInterfaces()[name];
  if (!found) {
    const names = interfaceNames();
    if (!names.includes(name)) {
      throw new AgentError("E_INTERFACE", `there is no interface "${name}"`, {
        cure: `Give --interface one of those that there are: ${names.join(", ") || "none"}.`,
      });
    }
    throw new AgentError(
      "E_INTERFACE",
      `interface "${name}" is down, has no address, or no cable in it`,
      { cure: `Type: ip link set ${name} up; ${addAddress}` },
    );
  }
  const own = found.find((a) => a.family === "IPv4" && a.address === want);
  const mac = parseMac(found[0]?.mac ?? "");
  if (!own || !mac) {
    throw new AgentError(
      "E_INTERFACE",
      `interface "${name}" does not have the site's address ${want}`,
      { cure: `Type: ${addAddress}` },
    );
  }
  return { name, mac };
}

/**
 * Octets that a packet may have on the interface; Ethernet's 1500 when that cannot be read.
 *
 * Where /sys shows another network namespace, its interface of the same name is another card.
 */
export async function interfaceMtu(rack: RackInterface): Promise<number> {
  const read = (file: string): Promise<string> =>
    readFile(`/sys/class/net/${rack.name}/${file}`, "latin1");
  try {
    const mac = parseMac((await read("address")).trim());
    const mtu = Number(await read("mtu"));
    const same = mac?.every((octet, i) => octet === rack.mac[i]) ?? false;
    return same && Number.isInteger(mtu) && mtu > 0 ? mtu : ETHERNET_MTU;
  } catch {
    return ETHERNET_MTU;
  }
}

/** Two lines of headings, then "  eth0: 1234 …" for each. */
function interfaceNames(): readonly string[] {
  const lines = readFileSync(TABLE, "utf8").split("\n").slice(2);
  return lines
    .map((line) => line.split(":")[0]?.trim() ?? "")
    .filter((n) => n !== "" && n !== "lo");
}
