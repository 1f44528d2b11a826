import { mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { LazyOverlays } from "../../../../agent/assets/trees/overlay/lazy-overlays.ts";
import { isRefusal, type Tree } from "../../../../agent/assets/trees/tree.ts";
import { Planner } from "../../../../agent/plan/planner.ts";
import { Renderer } from "../../../../agent/plan/render.ts";
import { parseSite } from "../../../../agent/site/load.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { ip, RACK, type TestRack, testRack } from "../../../support/test-site.ts";

const TWO = RACK.replace("root: tree }", "root: tree, overlay: 1MiB }")
  .replace('bootparams: { swap: ":none" }', "overlay: 1MiB")
  .replace(
    "  plain: { mac",
    '  two: { mac: "52:54:00:aa:00:09", ip: 172.24.42.69, profile: debian, vars: { tty: ttyS0 } }\n  plain: { mac',
  );
const GUESTS = `${TWO}unknown:\n  lab: { match: { mac: "52:54:01" }, profile: debian, vars: { tty: ttyS0 } }\n`;

/** The planner of a site with overlays in a state folder of their own. */
async function overlaid(text = TWO): Promise<{
  readonly rack: TestRack;
  readonly plan: (text: string, before?: Planner) => Promise<Planner>;
  readonly guests: string[];
}> {
  const rack = await testRack(text);
  const overlays = new LazyOverlays(tempDir(), () => {});
  onTestFinished(() => overlays.close());
  const guests: string[] = [];
  const plan = async (changed: string, before?: Planner): Promise<Planner> => {
    const { site } = parseSite(changed, path.join(rack.dir, "site.yaml"));
    if (!site) throw new Error("not a site");
    return await Planner.create({
      site,
      assets: rack.assets,
      renderer: new Renderer(),
      overlays,
      readOnlyGuest: ({ name }) => guests.push(name),
      before,
      siteMtimeMs: 0,
      problem: (error) => {
        throw error;
      },
    });
  };
  return { rack, plan, guests };
}

function treeOf(planner: Planner, address: string): Tree {
  const tree = planner.byIp(ip(address))?.export?.tree;
  if (!tree) throw new Error("no tree");
  return tree;
}

const MINIPC = "172.24.42.60";
const OTHER = "172.24.42.69";
const SUN = "172.24.42.51";

describe("a profile with an overlay", () => {
  it("gives each machine a tree of its own above the same root", async () => {
    const { plan } = await overlaid();
    const planner = await plan(TWO);
    const [one, two, sun] = [MINIPC, OTHER, SUN].map((address) => treeOf(planner, address));
    if (!one || !two || !sun) throw new Error("no tree");
    expect(new Set([one.fsid, two.fsid, sun.fsid]).size).toBe(3);
    const made = await one.writable?.create({ directory: one.root, name: "own" }, {});
    expect(isRefusal(made)).toBe(false);
    expect(await one.lookup(one.root, "own")).toBe(made);
    expect(await two.lookup(two.root, "own")).toBe("no-entry");
    expect(await two.lookup(two.root, "kernel")).toBe(await one.lookup(one.root, "kernel"));
    expect(sun.writable?.space().total).toBe(2 ** 20);
  });

  it("keeps trees, and what was written, when the site changes", async () => {
    const { plan, rack } = await overlaid();
    const first = await plan(TWO);
    const tree = treeOf(first, MINIPC);
    const made = await tree.writable?.create({ directory: tree.root, name: "own" }, {});
    const same = await plan(TWO.replace("172.24.42.61", "172.24.42.99"), first);
    expect(treeOf(same, MINIPC)).toBe(tree);
    renameSync(path.join(rack.dir, "tree"), path.join(rack.dir, "old"));
    mkdirSync(path.join(rack.dir, "tree"));
    const other = treeOf(await plan(TWO.replaceAll("1MiB", "2MiB"), same), MINIPC);
    expect(other).not.toBe(tree);
    expect(other.fsid).toBe(tree.fsid);
    expect(await other.lookup(other.root, "own")).toBe(made);
    expect(await other.lookup(other.root, "kernel")).toBe("no-entry");
    expect(other.writable?.space().total).toBe(2 ** 21);
  });

  it("is read-only for guests, and says so", async () => {
    const { plan, guests } = await overlaid(GUESTS);
    const planner = await plan(GUESTS);
    const [rule] = planner.site.unknown;
    if (!rule) throw new Error("no rule");
    const nothing = { architectures: [], vendorClass: "", uuid: "", serial: "", circuitId: "" };
    const evidence = { ...nothing, mac: "52:54:01:00:00:01", family: "unknown", relay: 0 } as const;
    const guest = await planner.admit(evidence, rule, ip("172.24.42.200"));
    expect(guest.export?.tree.writable).toBeUndefined();
    expect(guests).toEqual(["lab-000001"]);
  });

  it("is read-only where nothing is kept, as in a replay", async () => {
    const { planner } = await testRack(TWO);
    expect(treeOf(planner, MINIPC).writable).toBeUndefined();
  });
});
