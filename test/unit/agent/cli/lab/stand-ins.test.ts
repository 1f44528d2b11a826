import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { fileOf } from "../../../../../agent/assets/asset.ts";
import { LAB_MACHINES } from "../../../../../agent/cli/lab/machines.ts";
import { layOutExample, standIn } from "../../../../../agent/cli/lab/stand-ins.ts";
import { loadSite } from "../../../../../agent/site/load.ts";

const EXAMPLE = fileURLToPath(new URL("../../../../../examples/lab", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "pilotlight-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("standIn", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(standIn(3, 1_001)).toEqual(standIn(3, 1_001));
    expect(standIn(3, 1_001)).toHaveLength(1_001);
    expect(standIn(3, 100)).not.toEqual(standIn(4, 100));
  });

  it("repeats no block", () => {
    const octets = standIn(1, 512 * 200);
    const blocks = new Set<string>();
    for (let i = 0; i < 200; i++) {
      blocks.add(Buffer.from(octets.subarray(i * 512, (i + 1) * 512)).toString("base64"));
    }
    expect(blocks.size).toBe(200);
  });
});

describe("the example", () => {
  it("has every file that its site names, and every machine of the lab", async () => {
    const site = await loadSite(await layOutExample(EXAMPLE, folder));
    expect(site.assets.size).toBe(5);
    for (const spec of site.assets.values())
      expect(statSync(fileOf(spec)).size).toBeGreaterThan(70_000);
    expect(site.machines.map((m) => m.name)).toEqual(LAB_MACHINES.map((m) => m.name));
    for (const machine of LAB_MACHINES) {
      const ip = site.machines.find((m) => m.name === machine.name)?.ip ?? 0;
      for (const { asset } of machine.expects(ip)) expect(site.assets.has(asset)).toBe(true);
    }
  });

  it("is the site file as it stands in examples/lab", async () => {
    const copy = await layOutExample(EXAMPLE, folder);
    expect(readFileSync(copy, "utf8")).toBe(readFileSync(path.join(EXAMPLE, "site.yaml"), "utf8"));
  });

  it("asks for a Sun's loader by the address in hexadecimal", () => {
    const [sun] = LAB_MACHINES;
    expect(sun?.expects(0xac182a33 | 0)[0]).toEqual({ asked: "AC182A33", asset: "ofwboot" });
  });
});
