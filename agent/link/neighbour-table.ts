import { readFile } from "node:fs/promises";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac, type MacText, parseMac } from "../../protocols/wire/mac-address.ts";

/** The kernel's neighbours of this network namespace: "IP address, HW type, Flags, HW address, Mask, Device" under a heading. */
const TABLE = "/proc/net/arp";
/** ATF_COM: the entry is complete. */
const COMPLETE = 0x2;

/**
 * The hardware address by which the host reaches a neighbour on an interface; undefined: it has not spoken with it, or it is
 * behind a router. Never rejects.
 */
export async function cardOf(address: Ipv4, interfaceName: string): Promise<MacText | undefined> {
  return findCard(await readFile(TABLE, "latin1").catch(() => ""), address, interfaceName);
}

/** The same in the text of such a table. */
export function findCard(table: string, address: Ipv4, interfaceName: string): MacText | undefined {
  const want = formatIpv4(address);
  for (const line of table.split("\n")) {
    if (!line.startsWith(`${want} `)) continue;
    const [, , flags = "", card = "", , device] = line.split(/\s+/);
    const octets = parseMac(card);
    if (device === interfaceName && octets && Number(flags) & COMPLETE) return formatMac(octets);
  }
  return undefined;
}
