import { onTestFinished } from "vitest";
import { AddressBook } from "../../agent/addresses/address-book.ts";
import { LeaseStore } from "../../agent/addresses/lease-store.ts";
import { parseSite } from "../../agent/site/load.ts";
import type { Site } from "../../agent/site/site.ts";
import { openDatabase } from "../../agent/state/database.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";

/** Seconds. */
export const HOUR = 3600;

/** The clocks of a host. */
export interface Time {
  monoMs: number;
  /** Undefined while it cannot be right. */
  wallMs: number | undefined;
}

export interface OpenAddresses {
  readonly book: AddressBook;
  /** As the agent ends. */
  close(): Promise<void>;
  /** As when it is killed: nothing is written any more. */
  cut(): Promise<void>;
}

export function siteOf(text: string): Site {
  const { site, problems } = parseSite(text, "/s.yaml");
  if (!site) throw new Error(JSON.stringify(problems));
  return site;
}

/** The addresses of a site with its leases in a folder. */
export function openAddresses(dir: string, site: Site, time: Time): OpenAddresses {
  const database = openDatabase({ dir });
  const book = new AddressBook({
    site,
    leases: new LeaseStore(database),
    now: () => time.monoMs,
    wallMs: () => time.wallMs,
  });
  let closed = false;
  const cut = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await database.close();
  };
  const close = async (): Promise<void> => {
    if (!closed) await book.close();
    await cut();
  };
  onTestFinished(close);
  return { book, close, cut };
}

export function machineMac(n: number): string {
  return `02:00:00:00:${[n >> 8, n & 255].map((b) => b.toString(16).padStart(2, "0")).join(":")}`;
}

/** A machine of the rack gets an address as by DISCOVER and REQUEST. Resolves when it is promised. */
export async function bindMachine(
  book: AddressBook,
  n: number,
  lengthS: number = HOUR,
): Promise<string> {
  const [rack] = book.subnets;
  if (!rack) throw new Error("no subnet");
  const client = book.client(rack, machineMac(n));
  const { address = 0 } = book.choose(rack, client, 0);
  book.offer(rack, client, address);
  await book.bind(rack, client, address, lengthS, `h${n}`);
  return formatIpv4(address);
}
