import { describe, expect, it } from "vitest";
import { isWait } from "../../../../agent/assets/slot.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { type BootPlan, decideFile } from "../../../../agent/plan/boot-plan.ts";
import { FAMILIES, type Family } from "../../../../agent/site/families.ts";
import { ip, KERNEL, LOADER, RACK, RACK_FILES, testRack } from "../../../support/test-site.ts";
import { octetsOf } from "../assets/contents.ts";

async function read(plan: BootPlan, name: string): Promise<Uint8Array> {
  const { state, why } = decideFile(plan, name);
  if (!state || isWait(state) || state instanceof AgentError) throw new Error(`${name}: ${why}`);
  return octetsOf(state);
}

const textOf = async (plan: BootPlan, name: string): Promise<string> =>
  new TextDecoder().decode(await read(plan, name));

describe("Planner", () => {
  it("has a plan for each machine of the site and for nobody else", async () => {
    const { context, plan } = await testRack();
    const { planner } = context;
    expect(planner.byMac("00:03:ba:5b:ae:b3")).toBe(plan("v100"));
    expect(planner.byIp(ip("172.24.42.51"))).toBe(plan("v100"));
    expect(planner.byMac("00:03:ba:5b:ae:b4")).toBeUndefined();
    expect(planner.byIp(ip("172.24.42.52"))).toBeUndefined();
    expect(planner.byIp(ip("172.24.42.150"))).toBeUndefined();
  });

  it("gives a PROM its loader, padded to words, by every name it may ask for", async () => {
    const { plan } = await testRack();
    const padded = [...LOADER, 0, 0, 0];
    for (const name of ["AC182A33", "AC182A33.SUN4M", "ac182a33.sun4c", "/AC182A33", "ofwboot"]) {
      expect([...(await read(plan("v100"), name))], name).toEqual(padded);
    }
  });

  it.each([
    ["AC182A34", "another machine's address in hex"],
    ["AC182A33.SUN5", 'profile sun has no file "AC182A33.SUN5"'],
    ["AC182A33x", 'profile sun has no file "AC182A33x"'],
    ["../ofwboot", "not a name that could be served"],
    ["netbsd", 'profile sun has no file "netbsd"'],
  ])("has nothing for %s, and says why", async (name, why) => {
    const { plan } = await testRack();
    expect(decideFile(plan("v100"), name)).toMatchObject({ state: undefined, why });
  });

  it("says of a machine without profile that it has no files", async () => {
    const { plan } = await testRack();
    expect(decideFile(plan("bare"), "x").why).toBe("bare has no profile, so it has no files");
    expect(decideFile(plan("minipc"), "AC182A3C").why).toBe("minipc has no loader for its PROM");
  });

  it("serves the profile's files, its kernel, its initrd and its chain", async () => {
    const { plan } = await testRack();
    expect([...plan("minipc").files.names].sort()).toEqual([
      "boot.ipxe",
      "boot/kernel",
      "broken",
      "config.txt",
      "initrd",
      "ipxe-bios",
      "ipxe-x64",
      "netbsd",
    ]);
    expect([...(await read(plan("minipc"), "//boot\\kernel"))]).toEqual([...KERNEL]);
    expect(await textOf(plan("minipc"), "config.txt")).toBe(
      "name=minipc url=http://172.24.42.150/config.txt\n",
    );
  });

  it("writes the script that iPXE gets", async () => {
    const { plan } = await testRack();
    expect(await textOf(plan("minipc"), "boot.ipxe")).toBe(
      [
        "#!ipxe",
        ":load",
        "kernel http://172.24.42.150/netbsd initrd=initrd console=ttyS0 ip=172.24.42.60 || goto retry",
        "initrd http://172.24.42.150/initrd || goto retry",
        "boot",
        ":retry",
        "echo Trying again in 5 seconds",
        "sleep 5",
        "imgfree",
        "goto load",
        "",
      ].join("\n"),
    );
  });

  it("keeps an asset that cannot be had in its place, as the reason why not", async () => {
    const { plan } = await testRack();
    expect(decideFile(plan("minipc"), "broken").state).toMatchObject({ code: "E_ASSET_MISSING" });
  });

  it("serves all others when one template fails, and tells of it", async () => {
    const files = { ...RACK_FILES, "config.liquid": "{{ vars.none }}" };
    const { plan, problems } = await testRack(RACK.replace("tty: ttyS0", "other: x"), files);
    expect(decideFile(plan("minipc"), "config.txt").state).toMatchObject({ code: "E_TEMPLATE" });
    expect(decideFile(plan("minipc"), "boot.ipxe").state).toMatchObject({ code: "E_TEMPLATE" });
    expect(problems.map((p) => p.code)).toEqual(["E_TEMPLATE", "E_TEMPLATE"]);
    expect((await read(plan("minipc"), "netbsd")).length).toBe(KERNEL.length);
  });

  it("serves a machine without its root when the folder is missing, and tells of it", async () => {
    const { "tree/etc/fstab": _a, "tree/kernel": _b, ...files } = RACK_FILES;
    const { plan, problems } = await testRack(RACK, files);
    expect(plan("minipc").export).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(plan("v100").export?.path).toBe("/sun");
  });

  it("answers the boot parameters of the site, the root among them", async () => {
    const { plan } = await testRack();
    expect(Object.fromEntries(plan("v100").bootparams)).toEqual({
      root: { address: ip("172.24.42.150"), path: "/sun" },
      swap: { server: "", address: 0, path: "none" },
    });
    expect(plan("bare").bootparams.size).toBe(0);
  });
});

describe("offer", () => {
  type Case = readonly [string, Family, string | undefined, string | undefined];
  const cases: readonly Case[] = [
    // BSD: the loader to all, but not to the loader itself, and no root path in kernel form to libsa.
    ...FAMILIES.filter((f) => f !== "bsd-loader" && f !== "linux-kernel").map(
      (f) => ["v100", f, "ofwboot", "/sun"] as const,
    ),
    ["v100", "bsd-loader", undefined, "/sun"],
    ["v100", "linux-kernel", undefined, "172.24.42.150:/sun"],
    // Linux: the chain's program, then the script.
    ["minipc", "pxe-bios", "ipxe-bios", "/debian"],
    ["minipc", "uefi-x64", "ipxe-x64", "/debian"],
    ["minipc", "uefi-http-x64", "http://172.24.42.150/ipxe-x64", "/debian"],
    ["minipc", "ipxe", "http://172.24.42.150/boot.ipxe", "/debian"],
    ["minipc", "linux-kernel", undefined, "172.24.42.150:/debian"],
    ["minipc", "uefi-arm64", undefined, "/debian"],
    ["minipc", "unknown", undefined, "/debian"],
    // boot: the same to all but a kernel.
    ["plain", "pxe-bios", "grub.efi", undefined],
    ["plain", "ipxe", "grub.efi", undefined],
    ["plain", "unknown", "grub.efi", undefined],
    ["plain", "linux-kernel", undefined, undefined],
    ["bare", "pxe-bios", undefined, undefined],
    ["bare", "ipxe", undefined, undefined],
  ];

  it("is as the table says, and says why", async () => {
    const { plan } = await testRack();
    for (const [machine, family, bootFile, rootPath] of cases) {
      const offer = plan(machine).offer(family);
      expect(offer, `${machine} ${family}`).toMatchObject({ bootFile, rootPath });
      expect(offer.why).not.toBe("");
    }
  });

  it("names only files that are there", async () => {
    const { plan, site } = await testRack();
    for (const { name } of site.machines) {
      for (const family of FAMILIES) {
        const { bootFile } = plan(name).offer(family);
        if (bootFile === undefined) continue;
        const file = bootFile.replace("http://172.24.42.150/", "");
        expect(decideFile(plan(name), file).state, `${name} ${family}`).toBeDefined();
      }
    }
  });

  it("gives an HTTP client a URL for what the profile boots", async () => {
    const { plan } = await testRack();
    const offer = plan("plain").offer("uefi-http-x64");
    expect(offer.bootFile).toBe("http://172.24.42.150/grub.efi");
  });
});
