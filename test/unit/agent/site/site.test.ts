import { describe, expect, it } from "vitest";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { site } from "./site-text.ts";

const RACK = `
site: rack7
network:
  interface: eth0
  address: 172.24.42.150/24
  router: 172.24.42.150
  dns: [172.24.42.150, 9.9.9.9]
  domain: rack7.example
  dhcp: authoritative
  relays: [10.1.0.1]
assets:
  ofwboot: { file: sun/ofwboot.net, sha256: "${"9F".repeat(32)}" }
  netbsd: { file: /srv/netbsd }
  kernel: { file: vmlinuz }
  initrd: { file: initrd.img }
  ipxe-bios: { file: undionly.kpxe }
  ipxe-x64: { file: ipxe.efi }
profiles:
  netbsd-sparc64:
    bsd:
      loader: ofwboot
      root: { netbsd: netbsd, etc/rc: netbsd }
      bootparams: { swap: "v100:/swap", dump: /dump, install: "10.0.0.9:/js", rootopts: ":vers2" }
  solaris:
    bsd:
      loader: ofwboot
      root: sol/root
      rootPath: /export/root
      rootSquash: true
      overlay: 1.5GiB
  debian:
    linux:
      kernel: kernel
      initrd: [initrd, netbsd]
      cmdline: >
        root=/dev/nfs
        ip=dhcp
      root: /srv/debian
      privilegedPorts: true
    files:
      grub/grub.cfg: { template: templates/grub.cfg }
      vmlinuz: kernel
    boot: grub/grub.cfg
  one: { linux: { kernel: kernel, initrd: initrd } }
  loader-only: { files: { boot.efi: ipxe-x64 }, boot: boot.efi }
defaults:
  chain: { pxe-bios: ipxe-bios, uefi-x64: ipxe-bios }
machines:
  v100: { mac: 0:3:BA:5B:AE:B3, ip: 172.24.42.51, profile: netbsd-sparc64 }
  minipc:
    mac: 00-11-22-33-44-55
    ip: 172.24.42.60
    profile: debian
    hostname: mini.rack7.example
    chain: { uefi-x64: ipxe-x64 }
    vars: { disk: /dev/nvme0n1, slot: 3, spare: true, constructor-of: x }
  "7": { mac: 00:11:22:33:44:66, ip: 172.24.42.61 }
`;
const rack = site(RACK, ["/rack/templates/grub.cfg"]);
const ip = (text: string): number => parseIpv4(text) ?? 0;

describe("a site", () => {
  it("knows its name, file and folder", () => {
    expect(rack).toMatchObject({ name: "rack7", path: "/rack/site.yaml", dir: "/rack" });
  });

  it("has its network in numbers", () => {
    expect(rack.network).toEqual({
      interface: "eth0",
      address: ip("172.24.42.150"),
      prefixLen: 24,
      mask: ip("255.255.255.0"),
      broadcast: ip("172.24.42.255"),
      router: ip("172.24.42.150"),
      dns: [ip("172.24.42.150"), ip("9.9.9.9")],
      domain: "rack7.example",
      dhcp: "authoritative",
      relays: [ip("10.1.0.1")],
      subnets: [
        {
          name: "rack",
          prefix: ip("172.24.42.0"),
          prefixLen: 24,
          mask: ip("255.255.255.0"),
          broadcast: ip("172.24.42.255"),
          router: ip("172.24.42.150"),
          dns: [ip("172.24.42.150"), ip("9.9.9.9")],
          domain: "rack7.example",
          pool: [],
          leaseS: 43_200,
          probe: true,
          identity: "hardware",
        },
      ],
    });
  });

  it("resolves assets relative to its file and normalises digests", () => {
    expect(rack.assets.get("ofwboot")).toEqual({
      name: "ofwboot",
      sources: [{ kind: "file", file: "/rack/sun/ofwboot.net" }],
      sha256: "9f".repeat(32),
      pin: "first",
      treatment: {},
      refreshMs: 0,
    });
    expect(rack.assets.get("netbsd")?.sources).toEqual([{ kind: "file", file: "/srv/netbsd" }]);
  });

  it("resolves a BSD profile", () => {
    const profile = rack.profiles.get("netbsd-sparc64");
    const netbsd = rack.assets.get("netbsd");
    expect(profile?.bsd).toEqual({
      loader: rack.assets.get("ofwboot"),
      root: {
        kind: "files",
        files: new Map([
          ["netbsd", netbsd],
          ["etc/rc", netbsd],
        ]),
      },
      rootPath: "/netbsd-sparc64",
      rules: { rootSquash: false, privilegedPorts: false },
      bootparams: new Map([
        ["swap", { server: "v100", address: ip("172.24.42.51"), path: "/swap" }],
        ["dump", { address: ip("172.24.42.150"), path: "/dump" }],
        ["install", { server: "10.0.0.9", address: ip("10.0.0.9"), path: "/js" }],
        ["rootopts", { server: "", address: 0, path: "vers2" }],
      ]),
    });
    expect(profile?.linux).toBeUndefined();
    expect(rack.profiles.get("solaris")?.bsd).toMatchObject({
      root: { kind: "directory", path: "/rack/sol/root" },
      rootPath: "/export/root",
      rules: { rootSquash: true, privilegedPorts: false },
      overlay: 1.5 * 2 ** 30,
    });
  });

  it("resolves a Linux profile", () => {
    const profile = rack.profiles.get("debian");
    expect(profile?.linux).toEqual({
      kernel: rack.assets.get("kernel"),
      initrd: [rack.assets.get("initrd"), rack.assets.get("netbsd")],
      cmdline: "root=/dev/nfs ip=dhcp",
      root: { kind: "directory", path: "/srv/debian" },
      rootPath: "/debian",
      rules: { rootSquash: false, privilegedPorts: true },
    });
    expect(profile?.boot).toBe("grub/grub.cfg");
    expect(profile?.files).toEqual(
      new Map<string, unknown>([
        ["grub/grub.cfg", { kind: "template", file: "/rack/templates/grub.cfg" }],
        ["vmlinuz", { kind: "asset", asset: rack.assets.get("kernel") }],
      ]),
    );
    expect(rack.profiles.get("one")?.linux?.initrd).toEqual([rack.assets.get("initrd")]);
  });

  it("resolves machines and finds them by both addresses", () => {
    const v100 = rack.machineByMac.get("00:03:ba:5b:ae:b3");
    expect(v100).toMatchObject({ name: "v100", hostname: "v100", vars: {} });
    expect(v100?.macOctets).toEqual(Uint8Array.of(0x00, 0x03, 0xba, 0x5b, 0xae, 0xb3));
    expect(v100?.profile).toBe(rack.profiles.get("netbsd-sparc64"));
    expect(rack.machineByIp.get(ip("172.24.42.51"))).toBe(v100);
    expect(rack.machines).toHaveLength(3);
    const minipc = rack.machineByMac.get("00:11:22:33:44:55");
    expect(minipc?.hostname).toBe("mini.rack7.example");
    expect(minipc?.vars).toEqual({
      disk: "/dev/nvme0n1",
      slot: 3,
      spare: true,
      "constructor-of": "x",
    });
    expect(rack.machineByMac.get("00:11:22:33:44:66")).toMatchObject({ name: "7" });
    expect(rack.machineByMac.get("00:11:22:33:44:66")?.profile).toBeUndefined();
  });

  it("lays a machine's chain over the defaults", () => {
    const bios = rack.assets.get("ipxe-bios");
    expect([...(rack.machineByMac.get("00:11:22:33:44:55")?.chain ?? [])]).toEqual([
      ["pxe-bios", bios],
      ["uefi-x64", rack.assets.get("ipxe-x64")],
    ]);
    expect(rack.machineByMac.get("00:03:ba:5b:ae:b3")?.chain).toBe(rack.defaults.chain);
  });

  it("needs no more than a name and a network", () => {
    const small = site("site: s\nnetwork: { address: 10.0.0.1/8 }\n");
    expect(small.network).toEqual({
      address: ip("10.0.0.1"),
      prefixLen: 8,
      mask: ip("255.0.0.0"),
      broadcast: ip("10.255.255.255"),
      dns: [],
      dhcp: "authoritative",
      relays: [],
      subnets: [expect.objectContaining({ name: "rack", pool: [], leaseS: 43_200 })],
    });
    expect(small.unknown).toEqual([]);
    expect(small.machines).toEqual([]);
    expect(small.cache).toEqual({ versions: 3 });
  });

  it("takes a byte order mark, CRLF line ends and dhcp: off", () => {
    const text = "\ufeffsite: s\r\nnetwork:\r\n  address: 10.0.0.1/30\r\n  dhcp: off\r\n";
    expect(site(text).network.dhcp).toBe("off");
  });
});
