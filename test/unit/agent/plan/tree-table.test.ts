import { mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { Planner } from "../../../../agent/plan/planner.ts";
import { Planner as Planning } from "../../../../agent/plan/planner.ts";
import { Renderer } from "../../../../agent/plan/render.ts";
import { parseSite } from "../../../../agent/site/load.ts";
import { RACK, type TestRack, testRack } from "../../../support/test-site.ts";

/** The planner of a changed site after the one of the rack. */
async function changed(rack: TestRack, change: (text: string) => string): Promise<Planner> {
  const { site } = parseSite(change(RACK), path.join(rack.dir, "site.yaml"));
  if (!site) throw new Error("not a site");
  return await Planning.create({
    site,
    assets: rack.assets,
    renderer: new Renderer(),
    before: rack.planner,
    siteMtimeMs: 0,
    problem: () => {},
  });
}

function treeOf(planner: Planner, name: string): unknown {
  const machine = planner.site.machines.find((m) => m.name === name);
  return machine && planner.byIp(machine.ip)?.export?.tree;
}

describe("the trees of a site that changed", () => {
  it("are the same where their roots are", async () => {
    const rack = await testRack();
    const { planner } = rack;
    const next = await changed(rack, (text) => text.replace("172.24.42.51", "172.24.42.99"));
    for (const name of ["v100", "minipc"]) {
      expect(treeOf(next, name)).toBeDefined();
      expect(treeOf(next, name)).toBe(treeOf(planner, name));
    }
  });

  it("are others where a file was added, a name changed, or the directory is another one", async () => {
    const rack = await testRack();
    const { planner } = rack;
    renameSync(path.join(rack.dir, "tree"), path.join(rack.dir, "old"));
    mkdirSync(path.join(rack.dir, "tree"));
    const next = await changed(rack, (text) => text.replace("etc/rc: initrd", "etc/rc2: initrd"));
    for (const name of ["v100", "minipc"]) {
      expect(treeOf(next, name)).toBeDefined();
      expect(treeOf(next, name)).not.toBe(treeOf(planner, name));
    }
  });
});
