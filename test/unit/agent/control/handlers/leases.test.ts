import { describe, expect, it } from "vitest";
import type { AddressBook } from "../../../../../agent/addresses/address-book.ts";
import { FOREVER } from "../../../../../agent/addresses/lease.ts";
import { leaseHandlers } from "../../../../../agent/control/handlers/leases.ts";
import type { Site } from "../../../../../agent/site/site.ts";
import { openAddresses, siteOf, type Time } from "../../../../support/addresses.ts";
import { byEva, LOCALLY, testAgent, WALL_MS } from "../../../../support/agent-parts.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const V100 = "00:03:ba:5b:ae:b3";
/** The addresses of the rack that test agents have. */
const SITE: Site = siteOf(`site: rack7
network: { address: 172.24.42.150/24, pool: 172.24.42.100-172.24.42.109, lease: 1h }
machines: { v100: { mac: "${V100}", ip: 172.24.42.51 } }
`);

async function setUp() {
  const time: Time = { monoMs: 0, wallMs: WALL_MS };
  const { book } = openAddresses(tempDir(), SITE, time);
  const agent = await testAgent({}, { addresses: book });
  return { time, book, ...agent, verbs: leaseHandlers(agent.parts) };
}

async function take(
  book: AddressBook,
  mac: string,
  lengthS: number,
  hostname: string,
  id?: string,
) {
  const [rack] = book.subnets;
  if (!rack) throw new Error("no subnet");
  const client = book.client(rack, mac, id);
  await book.bind(rack, client, book.choose(rack, client, 0).address ?? 0, lengthS, hostname);
}

describe("leases", () => {
  it("are listed by address, with what is known of each", async () => {
    const { book, time, verbs } = await setUp();
    await take(book, "02:00:00:00:00:01", 3600, "pc", "01020000000001");
    await take(book, V100, FOREVER, "");
    await take(book, "02:00:00:00:00:02", 60, "pc");
    time.monoMs += 600_000;
    const since = new Date(WALL_MS).toISOString();
    const network = "rack";
    expect(await verbs["leases.list"]({}, LOCALLY)).toEqual({
      leases: [
        {
          address: "172.24.42.51",
          network,
          mac: V100,
          machine: "v100",
          state: "bound",
          reserved: true,
          leftS: null,
          since,
        },
        {
          address: "172.24.42.100",
          network,
          mac: "02:00:00:00:00:01",
          id: "01020000000001",
          hostname: "pc",
          state: "bound",
          reserved: false,
          leftS: 3000,
          since,
        },
        {
          address: "172.24.42.101",
          network,
          mac: "02:00:00:00:00:02",
          hostname: "pc",
          state: "over",
          reserved: false,
          leftS: 0,
          since,
        },
      ],
      pools: [{ network, size: 10, free: 9 }],
      more: 0,
    });
  });

  it.each([
    ["172.24.42.100", "172.24.42.100"],
    ["02-00-00-00-00-0A", "172.24.42.100"],
    ["v100", "172.24.42.51"],
    ["PC", "172.24.42.100"],
  ])("are released as %s", async (lease, address) => {
    const { book, verbs, last } = await setUp();
    await take(book, "02:00:00:00:00:0a", 3600, "pc");
    await take(book, V100, 3600, "");
    const after = await verbs["leases.release"]({ lease }, byEva());
    expect(after).toMatchObject({ address, state: "over", leftS: 0 });
    expect(last()).toMatchObject({ protocol: "dhcp", decision: "asked for by eva@laptop" });
    expect(last().event).toContain(address);
    await expect(verbs["leases.release"]({ lease }, byEva())).rejects.toMatchObject({
      code: "E_NOT_FOUND",
    });
  });

  it("are not released by a name that several have", async () => {
    const { book, verbs } = await setUp();
    await take(book, "02:00:00:00:00:01", 3600, "pc");
    await take(book, "02:00:00:00:00:02", 3600, "pc");
    await expect(verbs["leases.release"]({ lease: "pc" }, byEva())).rejects.toMatchObject({
      code: "E_NOT_FOUND",
      message: "pc has 2 addresses",
      cure: "Say which one: 172.24.42.100, 172.24.42.101.",
    });
  });

  it("are none where no addresses are given", async () => {
    const { parts } = await testAgent();
    const verbs = leaseHandlers(parts);
    expect(await verbs["leases.list"]({}, LOCALLY)).toEqual({ leases: [], pools: [], more: 0 });
    await expect(verbs["leases.release"]({ lease: "pc" }, byEva())).rejects.toMatchObject({
      code: "E_NOT_FOUND",
    });
    const unconfigured = leaseHandlers({ ...parts, running: () => undefined });
    await expect(unconfigured["leases.release"]({ lease: "pc" }, byEva())).rejects.toMatchObject({
      message: expect.stringContaining("unconfigured"),
    });
  });
});
