import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ALLOCATION_GATE, octetsPerOperation } from "../../support/allocation.ts";
import { CBOR_OPERATIONS } from "./allocation/cbor-operations.ts";
import { LINK_OPERATIONS } from "./allocation/link-operations.ts";
import { NFS_OPERATIONS } from "./allocation/nfs-operations.ts";
import { RPC_OPERATIONS } from "./allocation/rpc-operations.ts";

const OPERATIONS = [...LINK_OPERATIONS, ...RPC_OPERATIONS, ...NFS_OPERATIONS, ...CBOR_OPERATIONS];
const PROTOCOLS = new URL("../../../protocols/", import.meta.url);
/** Parts of other views, measured with those. */
const PARTS = ["FattrView", "SattrView"];

/** Names of all views, writers of messages and emitters of protocols/. */
async function codecs(): Promise<string[]> {
  const names: string[] = [];
  for (const file of readdirSync(PROTOCOLS, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const module = (await import(new URL(file, PROTOCOLS).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) {
      if (typeof value !== "function") continue;
      if (/^(emit|walk)[A-Z]|View$|^(Dhcp|Readdir)Writer$/.test(name)) names.push(name);
    }
  }
  return names;
}

describe("heap of codec operations", () => {
  it.each(OPERATIONS.map(({ covers, run }, i) => [`${covers} (${i})`, run] as const))(
    "%s stays within the gate",
    (_, run) => {
      let sink = 0;
      const octets = octetsPerOperation(() => {
        sink = (sink + run()) | 0;
      });
      expect(octets).toBeLessThanOrEqual(ALLOCATION_GATE);
      expect(Number.isInteger(sink)).toBe(true);
    },
  );

  it("is measured for every codec that there is", async () => {
    const measured = new Set([...OPERATIONS.map(({ covers }) => covers), ...PARTS]);
    const missing = (await codecs()).filter((name) => !measured.has(name));
    expect(missing, "add these to test/unit/protocols/allocation/").toEqual([]);
  });
});
