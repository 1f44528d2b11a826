import { readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";
import type { Clock } from "./clock.ts";

/** How long the kernel's tables are believed, ms. */
const FRESH_MS = 2_000;
/** Of a table that is longer only the beginning counts: a gateway of a rack has a few lines. */
const MAX_ROUTES = 4_096;
/** RTF_UP, and RTF_REJECT: a route that leads nowhere (linux/route.h). */
const UP = 0x1;
const REJECT = 0x200;

/** Where the kernel shows its routes: its own formats, Documentation/filesystems/proc.rst. */
export interface RouteTables {
  /** `/proc/net/route`. */
  ipv4(): string;
  /** `/proc/net/ipv6_route`. */
  ipv6(): string;
}

const kernelTables: RouteTables = {
  ipv4: () => textOf("/proc/net/route"),
  ipv6: () => textOf("/proc/net/ipv6_route"),
};

interface Route {
  readonly interface: string;
  readonly prefixLen: number;
  readonly metric: number;
  readonly net: BlockList;
}

/**
 * By which interface the host answers an address.
 *
 * Linux takes connections to an address of the host from every NIC, and does not say by which one they came. With strict reverse
 * path filtering, which `serve` asks for, they came by the one that leads back.
 */
export class WayBack {
  private readonly clock: Clock;
  private readonly tables: RouteTables;
  private routes: readonly Route[] = [];
  private readMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, tables: RouteTables = kernelTables) {
    this.clock = clock;
    this.tables = tables;
  }

  /** Its name; undefined: the kernel shows no way. `address`: text, of link-local IPv6 with its zone. */
  interfaceOf(address: string): string | undefined {
    const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
    const [bare = "", zone] = (mapped ?? address).split("%");
    if (zone !== undefined) return zone;
    const family = isIP(bare);
    if (family === 0) return undefined;
    if (this.clock.now() - this.readMs >= FRESH_MS) this.read();
    return this.routes.find(({ net }) => net.check(bare, family === 6 ? "ipv6" : "ipv4"))
      ?.interface;
  }

  private read(): void {
    this.readMs = this.clock.now();
    const lines = (text: string): string[] => text.split("\n").slice(0, MAX_ROUTES);
    this.routes = [
      ...lines(this.tables.ipv4()).flatMap(ipv4Route),
      ...lines(this.tables.ipv6()).flatMap(ipv6Route),
    ].sort((a, b) => b.prefixLen - a.prefixLen || a.metric - b.metric);
  }
}

/** "eth0 0002000A 00000000 0001 0 0 100 00FFFFFF 0 0 0": the words of an address are those of the processor. */
function ipv4Route(line: string): Route[] {
  const [name = "", destination = "", , flags = "", , , metric = "", mask = ""] = line.split("\t");
  if (!/^[\dA-F]{8}$/.test(destination) || !isUsed(flags)) return [];
  const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === "1").length;
  const octets = destination.match(/../g)?.reverse() ?? [];
  const net = new BlockList();
  net.addSubnet(octets.map((octet) => Number.parseInt(octet, 16)).join("."), bits, "ipv4");
  return [{ interface: name, prefixLen: bits, metric: Number(metric), net }];
}

/** "fd00…0000 40 0000…0000 00 0000…0000 00000100 00000001 00000000 00000001 eth0": hexadecimal. */
function ipv6Route(line: string): Route[] {
  const words = line.trim().split(/\s+/);
  const [destination = "", prefix = "", , , , metric = "", , , flags = "", name = ""] = words;
  if (!/^[\da-f]{32}$/.test(destination) || !isUsed(flags)) return [];
  const prefixLen = Number.parseInt(prefix, 16);
  const net = new BlockList();
  net.addSubnet((destination.match(/.{4}/g) ?? []).join(":"), prefixLen, "ipv6");
  return [{ interface: name, prefixLen, metric: Number.parseInt(metric, 16), net }];
}

function isUsed(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return (bits & UP) !== 0 && (bits & REJECT) === 0;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // a kernel without IPv6 has no such file
  }
}
