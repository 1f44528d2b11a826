import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { CommandHost } from "../../../../../agent/cli/host.ts";
import { importCommand } from "../../../../../agent/cli/import/command.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { parseSite } from "../../../../../agent/site/load.ts";
import type { Site } from "../../../../../agent/site/site.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

interface Imported {
  readonly text: string;
  readonly site: Site | undefined;
  readonly notes: string;
}

/** Runs the command over files of a new folder; in `args`, "@name" stands for such a file. */
async function imported(
  files: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Imported> {
  const dir = tempDir();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return run(
    args.map((a) => (a.startsWith("@") ? join(dir, a.slice(1)) : a)),
    dir,
  );
}

async function run(args: readonly string[], dir: string): Promise<Imported> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  await importCommand({ stdout, stderr } as unknown as CommandHost).parseAsync([...args], {
    from: "user",
  });
  const text = String(stdout.read() ?? "");
  const notes = String(stderr.read() ?? "").replaceAll(`${dir}/`, "");
  return { text, site: parseSite(text, "/site.yaml").site, notes };
}

function machinesOf(site: Site | undefined): readonly (readonly string[])[] {
  return (site?.machines ?? []).map((m) => [
    m.name,
    m.mac,
    formatIpv4(m.ip),
    m.profile?.name ?? "-",
  ]);
}

const HOSTS = `127.0.0.1 localhost v100
172.24.42.51  v100 v100.rack # the old one
172.24.42.52\tu5
::1 ip6-localhost
`;
const ETHERS = `# cards
0:3:ba:5b:ae:b3 v100
08:00:20:A1:B2:C3\tu5
08:00:20:00:00:09 172.24.42.90
08:00:20:00:00:0a nobody
rubbish
`;
const BOOTPARAMS = `v100 root=server:/export/root/sun \\
     swap=server:/export/swap/v100
u5   root=server:/export/root/u5
*    root=server:/install
`;

describe("pilotlight import", () => {
  it("makes machines of ethers and hosts, and tells whom it could not place", async () => {
    const { site, notes } = await imported(
      { hosts: HOSTS, ethers: ETHERS },
      ...["--hosts", "@hosts", "--ethers", "@ethers", "--address", "172.24.42.150/24"],
    );
    expect(machinesOf(site)).toEqual([
      ["v100", "00:03:ba:5b:ae:b3", "172.24.42.51", "-"],
      ["u5", "08:00:20:a1:b2:c3", "172.24.42.52", "-"],
      ["host-172-24-42-90", "08:00:20:00:00:09", "172.24.42.90", "-"],
    ]);
    expect(formatIpv4(site?.network.address ?? 0)).toBe("172.24.42.150");
    expect(notes).toContain("nobody is left out, it has no address: add its ip");
    expect(notes).toContain('ethers:6: not "CARD NAME": rubbish');
    expect(notes).toContain("3 machines; 2 lines above say what to look at");
  });

  it("gives Suns their roots, and their loaders out of /tftpboot", async () => {
    const dir = tempDir();
    const boot = join(dir, "tftpboot");
    mkdirSync(boot);
    writeFileSync(join(boot, "ofwboot.net"), "loader");
    symlinkSync("ofwboot.net", join(boot, "AC182A33"));
    symlinkSync("gone", join(boot, "AC182A34.SUN4M"));
    for (const [name, text] of [
      ["hosts", HOSTS],
      ["ethers", ETHERS],
      ["bootparams", BOOTPARAMS],
    ] as const)
      writeFileSync(join(dir, name), text);
    const at = (name: string): string => join(dir, name);
    const { site, notes } = await run(
      [
        "--hosts",
        at("hosts"),
        "--ethers",
        at("ethers"),
        "--bootparams",
        at("bootparams"),
        "--tftpboot",
        boot,
        "--address",
        "172.24.42.150/24",
      ],
      dir,
    );
    const v100 = site?.machines.find((m) => m.name === "v100");
    expect(v100?.profile?.bsd).toMatchObject({
      rootPath: "/export/root/sun",
      root: { kind: "directory", path: "/export/root/sun" },
      loader: { sources: [{ kind: "file", file: join(boot, "ofwboot.net") }] },
    });
    expect(v100?.profile?.bsd?.bootparams.get("swap")).toMatchObject({ path: "/export/swap/v100" });
    expect(notes).toContain("no hosts file has server: it is taken for this agent");
    expect(site?.machines.find((m) => m.name === "u5")?.profile).toBeUndefined();
    expect(notes).toContain("tftpboot/AC182A34.SUN4M: leads to no file");
    expect(notes).toContain('bootparams:4: "*" stands for many machines');
    expect(notes).toContain(
      "the root /export/root/u5 (u5-root) is left out, no boot program is known for it",
    );
  });

  it("carries subnets, pools, hosts and boot files of dhcpd over", async () => {
    const conf = `# ISC
default-lease-time 7200;
option domain-name "lab.example";
option domain-name-servers 10.0.0.1, 9.9.9.9;
authoritative;
class "pxe" { match if substring(option vendor-class-identifier, 0, 9) = "PXEClient"; }
subnet 10.0.0.0 netmask 255.255.255.0 {
  option routers 10.0.0.254;
  range 10.0.0.100 10.0.0.120;
  pool { range 10.0.0.130 10.0.0.140; deny unknown-clients; }
}
subnet 10.7.0.0 netmask 255.255.0.0 { option routers 10.7.0.1; range 10.7.1.1 10.7.1.9; default-lease-time 90000; }
group {
  filename "pxelinux.0"; next-server 10.0.0.1;
  host web { hardware ethernet 52:54:00:aa:00:01; fixed-address 10.0.0.11; option host-name "www"; }
  host db { hardware ethernet 52:54:00:aa:00:02; fixed-address 10.0.0.12; filename "http://10.0.0.1/db.efi"; option ntp-servers 10.0.0.1; }
}
host half { hardware ethernet 52:54:00:aa:00:03; }
`;
    const { site, notes, text } = await imported(
      { conf },
      "--dhcpd-conf",
      "@conf",
      "--address",
      "10.0.0.1/24",
    );
    expect(site, notes + text).toBeDefined();
    const [rack, far] = site?.network.subnets ?? [];
    expect(rack).toMatchObject({ leaseS: 7_200, domain: "lab.example" });
    expect(rack?.pool.map((p) => `${formatIpv4(p.first)}-${formatIpv4(p.last)}`)).toEqual([
      "10.0.0.100-10.0.0.120",
      "10.0.0.130-10.0.0.140",
    ]);
    expect(far).toMatchObject({ prefixLen: 16, leaseS: 90_000 });
    expect(site?.unknown).toHaveLength(1);
    expect(machinesOf(site)).toEqual([
      ["web", "52:54:00:aa:00:01", "10.0.0.11", "boot-pxelinux.0"],
      ["db", "52:54:00:aa:00:02", "10.0.0.12", "boot-db.efi"],
    ]);
    expect(site?.machines[0]?.hostname).toBe("www");
    expect(site?.profiles.get("boot-pxelinux.0")).toMatchObject({ boot: "pxelinux.0" });
    expect(site?.assets.get("pxelinux.0")?.sources).toEqual([
      { kind: "file", file: "/srv/tftp/pxelinux.0" },
    ]);
    expect(site?.assets.get("db.efi")?.sources[0]).toMatchObject({ kind: "http" });
    expect(notes).toContain("conf:6: not carried over: class pxe { … }");
    expect(notes).toContain("conf:16: option ntp-servers 10.0.0.1 is not carried over");
    expect(notes).toContain("half is left out, it has no address: add its ip");
  });

  it("carries ranges, hosts and first boot programs of dnsmasq over", async () => {
    const conf = `port=0
interface=eth1
bind-interfaces
domain=rack.example
dhcp-range=192.168.10.50,192.168.10.99,255.255.255.0,12h
dhcp-option=3,192.168.10.1
dhcp-option=option:dns-server,192.168.10.1,1.1.1.1
dhcp-option=option:ntp-server,192.168.10.1
dhcp-host=00:11:22:33:44:55,minipc,192.168.10.20
dhcp-host=00:11:22:33:44:66,ignore
dhcp-match=set:efi64,option:client-arch,7
dhcp-vendorclass=set:bios,PXEClient:Arch:00000
dhcp-userclass=set:ipxe,iPXE
dhcp-boot=tag:efi64,ipxe.efi
dhcp-boot=tag:bios,undionly.kpxe
dhcp-boot=tag:ipxe,http://192.168.10.1/boot.ipxe
dhcp-boot=tag:strange,other.bin
enable-tftp
tftp-root=/srv/boot/
pxe-service=x86PC,"Boot",undionly
dhcp-ignore=tag:!known
`;
    const { site, notes, text } = await imported(
      { conf },
      "--dnsmasq-conf",
      "@conf",
      "--address",
      "192.168.10.2/24",
    );
    expect(site, notes + text).toBeDefined();
    expect(site?.network).toMatchObject({ interface: "eth1", domain: "rack.example" });
    expect(machinesOf(site)).toEqual([["minipc", "00:11:22:33:44:55", "192.168.10.20", "-"]]);
    const chain = [...(site?.defaults.chain ?? [])].map(([family, a]) => [family, a.sources[0]]);
    expect(Object.fromEntries(chain)).toEqual({
      "uefi-x64": { kind: "file", file: "/srv/boot/ipxe.efi" },
      "pxe-bios": { kind: "file", file: "/srv/boot/undionly.kpxe" },
    });
    expect(site?.unknown).toEqual([]);
    expect(notes).toContain("conf:10: not carried over: dhcp-host=00:11:22:33:44:66,ignore");
    expect(notes).toContain("conf:16: iPXE's script http://192.168.10.1/boot.ipxe");
    expect(notes).toContain("conf:17: depends on strange: other.bin is not carried over");
    expect(notes).toContain("conf:20: not carried over: pxe-service=");
    expect(notes).toContain("conf:8: option option:ntp-server 192.168.10.1 is not carried over");
  });

  it("writes to a file that is not there yet, and never over one", async () => {
    const dir = tempDir();
    writeFileSync(join(dir, "ethers"), "08:00:20:00:00:09 10.0.0.9\n");
    const out = join(dir, "site.yaml");
    const args = ["--ethers", join(dir, "ethers"), "--out", out];
    const { notes } = await run(args, dir);
    expect(notes).toContain("our own address is a guess, 10.0.0.1/24");
    expect(parseSite(readFileSync(out, "utf8"), out).site?.machines).toHaveLength(1);
    await expect(run(args, dir)).rejects.toMatchObject({
      code: "E_USAGE",
      cure: "Name a file that is not there yet with --out.",
    });
  });

  it("says what it needs", async () => {
    await expect(run([], "/")).rejects.toBeInstanceOf(AgentError);
    await expect(run(["--ethers", "/nonexistent/ethers"], "/")).rejects.toMatchObject({
      message: "cannot read /nonexistent/ethers",
    });
  });

  it.each([
    "subnet {",
    "}}}}",
    'host "a',
    "subnet 1 2 { range",
    "{".repeat(2_000),
    "dhcp-host=,,,,",
    "\u0000",
  ])("takes %j for what it is: nothing", async (text) => {
    for (const option of [
      "--dhcpd-conf",
      "--dnsmasq-conf",
      "--ethers",
      "--bootparams",
      "--hosts",
    ]) {
      const { site } = await imported({ f: text }, option, "@f", "--address", "10.0.0.1/24");
      expect(site?.machines ?? []).toEqual([]);
    }
  });
});
