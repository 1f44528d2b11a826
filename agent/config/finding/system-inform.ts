import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { parseMac } from "../../../protocols/wire/mac-address.ts";
import type { Clock } from "../../link/clock.ts";
import { openFrameLane } from "../../link/frame-lane.ts";
import { askByInform, INFORM_FILTER, type InformInterface } from "./dhcp-inform.ts";

/** Octets of kernel memory for answers that wait: a few, for ten seconds. */
const KERNEL_BUFFER: number = 512 * 1024;

/**
 * Asks the DHCP servers of these interfaces for the URL of the configuration, one interface after the other; undefined when none
 * says any. Rejects with E_CAPABILITY where raw frames are not permitted; interfaces that are not Ethernet are left out.
 */
export async function informOn(
  interfaces: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const name of interfaces) {
    const own = ownInterface(name);
    if (!own || signal.aborted) continue;
    const lane = openFrameLane(name, INFORM_FILTER, undefined, KERNEL_BUFFER);
    try {
      const random = (): number => randomBytes(4).readUInt32BE();
      const url = await askByInform(lane, own, { clock, random, signal });
      if (url !== undefined) return url;
    } finally {
      lane.close();
    }
  }
  return;
}

function ownInterface(name: string): InformInterface | undefined {
  const found = networkInterfaces()[name]?.find((a) => a.family === "IPv4" && !a.internal);
  const mac = parseMac(found?.mac ?? "");
  const address = parseIpv4(found?.address ?? "");
  return mac && address !== undefined ? { mac, address } : undefined;
}
