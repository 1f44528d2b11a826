import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSite } from "../../../../agent/site/load.ts";
import type { Site } from "../../../../agent/site/site.ts";
import { LONGEST_LINE, MOST_LINES, siteChanges } from "../../../../agent/site/site-changes.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { KEY } from "./site-text.ts";

/** A site with something of everything that a site file takes. */
const RICH = `
site: rack7
network:
  interface: eth0
  address: 172.24.42.150/24
  router: 172.24.42.1
  dns: [172.24.42.150, 9.9.9.9]
  domain: rack7.example
  dhcp: authoritative
  relays: [10.1.0.1]
  pool: 172.24.42.100-172.24.42.120
  lease: 2h
  identity: client-id
  probe: false
  subnets:
    far: { prefix: 10.9.0.0/24, router: 10.9.0.1, dns: [9.9.9.9], domain: far.example, pool: 10.9.0.50-10.9.0.60 }
cache: { size: 8GiB, versions: 3, refresh: 6h }
stores:
  files: { url: "https://boot.example.com/", username: eva, password: { env: BOOT_PASSWORD }, ca: ca.pem }
  bucket: { s3: boot, region: eu-central-1, accessKey: { env: AKEY }, secretKey: { file: /etc/skey } }
  registry: { oci: registry.example.com, token: { file: secrets/token } }
assets:
  loader: { file: boot/ofwboot.net }
  newest: { folder: builds, match: "*.img" }
  kernel:
    url: ["https://boot.example.com/vmlinuz", "https://mirror.example.com/vmlinuz"]
    sha256: "${"ab".repeat(32)}"
    decompress: gzip
  listed:
    url: "https://boot.example.com/base.tgz"
    checksums: { url: "https://boot.example.com/SHA256.sig", entry: base.tgz, signify: "${KEY}" }
    extract: bsd.rd
    refresh: 1h
  image: { oci: "registry.example.com/talos:v1", title: vmlinuz, pin: always-newest }
  object: { s3: "s3://boot/initrd.gz" }
profiles:
  sun: { bsd: { loader: loader, root: { netbsd: kernel }, rootPath: /export/sun, bootparams: { swap: ":none" } } }
  debian:
    linux: { kernel: kernel, initrd: [object, image], cmdline: "console=ttyS0 quiet", root: /srv/debian }
    files: { config: { template: minipc.liquid }, extra: newest }
    boot: extra
    menu: { items: [{ name: Debian }, { name: Extra, boot: config }] }
  bare: { files: { list: listed } }
defaults:
  chain: { pxe-bios: loader, uefi-x64: image }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: sun }
  minipc:
    mac: "00:11:22:33:44:55"
    ip: 172.24.42.60
    profile: debian
    hostname: mini
    chain: { uefi-x64: loader }
    vars: { disk: /dev/sda, size: 10, fast: true, admin_password: secret-one }
  spare: { mac: "00:11:22:33:44:66", ip: 172.24.42.61 }
unknown:
  lab:
    match: { mac: "52:54:00", architecture: 7, vendorClass: "PXEClient*", relay: 10.1.0.1 }
    profile: debian
    chain: { uefi-x64: loader }
    vars: { disk: /dev/vda }
  rest: {}
`;

/** One change each: what becomes what in the text, the thing that a line must name, and a part of that line. */
const CHANGES: readonly (readonly [string, string, string, string])[] = [
  ["site: rack7", "site: rack8", "site", "name: rack7 → rack8"],
  ["interface: eth0", "interface: eth1", "network", "interface: eth0 → eth1"],
  ["  interface: eth0\n", "", "network", "interface removed: eth0"],
  ["150/24", "150/16", "network", "address: 172.24.42.150/24 → 172.24.42.150/16"],
  ["router: 172.24.42.1\n", "router: 172.24.42.2\n", "network", "router: 172.24.42.1 →"],
  ["150, 9.9.9.9", "150, 9.9.9.10", "network", "dns: 172.24.42.150, 9.9.9.9 →"],
  ["[172.24.42.150, 9.9.9.9]", "[9.9.9.9, 172.24.42.150]", "network", "→ 9.9.9.9, 172"],
  ["domain: rack7.example", "domain: rack8.example", "network", "domain"],
  ["dhcp: authoritative", "dhcp: off", "network", "dhcp: authoritative → off"],
  ["[10.1.0.1]", "[10.1.0.1, 10.2.0.1]", "network", "relays: 10.1.0.1 → 10.1.0.1, 10.2.0.1"],
  ["42.120\n", "42.130\n", "network", "pool: 172.24.42.100-172.24.42.120 →"],
  ["lease: 2h", "lease: 1h", "network", "lease: 7200 s → 3600 s"],
  ["  identity: client-id\n", "", "network", "identity: client-id → hardware"],
  ["probe: false", "probe: true", "network", "probe: false → true"],
  ["10.9.0.0/24", "10.9.0.0/25", "subnet far", "prefix: 10.9.0.0/24 → 10.9.0.0/25"],
  ["router: 10.9.0.1,", "router: 10.9.0.2,", "subnet far", "router: 10.9.0.1 → 10.9.0.2"],
  ["dns: [9.9.9.9],", "dns: [9.9.9.10],", "subnet far", "dns: 9.9.9.9 → 9.9.9.10"],
  ["far.example", "near.example", "subnet far", "domain: far.example → near.example"],
  ["10.9.0.50-10.9.0.60", "10.9.0.50-10.9.0.61", "subnet far", "pool"],
  [", pool: 10.9.0.50-10.9.0.60", ", lease: 1h", "subnet far", "lease: 43200 s → 3600 s"],
  ["    far: {", "    near: {", "subnet near added", "prefix 10.9.0.0/24"],
  ['mac: "52:54:00",', 'mac: "52:54:01",', "unknown rule lab", "match.mac: 52:54:00 → 52:54:01"],
  ["architecture: 7", "architecture: 11", "unknown rule lab", "match.architecture: 7 → 11"],
  ["PXEClient*", "HTTPClient*", "unknown rule lab", "match.vendorClass: PXEClient* →"],
  ["relay: 10.1.0.1", "relay: 10.9.0.1", "unknown rule lab", "match.relay: 10.1.0.1 → 10.9.0.1"],
  [
    "    profile: debian\n    chain",
    "    profile: bare\n    chain",
    "unknown rule lab",
    "debian → bare",
  ],
  ["/dev/vda", "/dev/vdb", "unknown rule lab", "vars.disk: /dev/vda → /dev/vdb"],
  [
    "name: Extra, boot: config",
    "name: Extra",
    "profile debian",
    "menu.items.2: Extra: config → Extra",
  ],
  ["menu: { items", "menu: { prompt: F8, items", "profile debian", "menu.prompt: "],
  ["menu: { items", "menu: { timeout: never, items", "profile debian", "10 s → never"],
  ["  rest: {}\n", "", "unknown rule rest removed", ""],
  ["size: 8GiB", "size: 9GiB", "cache", "size"],
  ["versions: 3", "versions: 4", "cache", "versions: 3 → 4"],
  ["refresh: 6h }", "refresh: 7h }", "assets", "refresh: 21600 s → 25200 s"],
  ["username: eva", "username: bob", "assets kernel, listed", "store's username: eva → bob"],
  ["BOOT_PASSWORD", "OTHER", "assets kernel, listed", "variable BOOT_PASSWORD → variable OTHER"],
  ["ca: ca.pem", "ca: other.pem", "assets kernel, listed", "store's ca: ca.pem → other.pem"],
  ["eu-central-1", "eu-west-1", "asset object", "store's region: eu-central-1 → eu-west-1"],
  ["{ env: AKEY }", "{ env: BKEY }", "asset object", "accessKey: variable AKEY → variable BKEY"],
  ["file: /etc/skey", "file: /etc/tkey", "asset object", "secretKey: file /etc/skey →"],
  ["secrets/token", "secrets/other", "asset image", "token: file secrets/token →"],
  [
    "oci: registry.example.com,",
    "oci: registry.example.com, plainHttp: true,",
    "asset image",
    "true",
  ],
  ["boot/ofwboot.net", "boot/other.net", "asset loader", "file boot/ofwboot.net → file boot/other"],
  ['match: "*.img"', 'match: "*.iso"', "asset newest", "newest of builds/*.img →"],
  ["folder: builds,", "folder: out,", "asset newest", "newest of out/*.img"],
  [
    "boot.example.com/vmlinuz",
    "boot.example.com/bzImage",
    "asset kernel",
    "source: https://boot.example.com/vmlinuz →",
  ],
  ["mirror.example.com/vmlinuz", "m2.example.com/vmlinuz", "asset kernel", "mirror 2: "],
  [`"${"ab".repeat(32)}"`, `"${"ab".repeat(31)}cd"`, "asset kernel", "sha256: …abababababab"],
  ["    decompress: gzip\n", "", "asset kernel", "treatment removed: decompress gzip"],
  [
    "base.tgz, signify",
    "comp.tgz, signify",
    "asset listed",
    "checksums.entry: base.tgz → comp.tgz",
  ],
  ["SHA256.sig", "SHA512.sig", "asset listed", "checksums"],
  [KEY, `${KEY.slice(0, 10)}BBBB${KEY.slice(14)}`, "asset listed", "checksums.signify"],
  ["extract: bsd.rd", "extract: bsd.mp", "asset listed", "extract bsd.rd → extract bsd.mp"],
  ["refresh: 1h", "refresh: never", "asset listed", "refresh: 3600 s → never"],
  ["talos:v1", "talos:v2", "asset image", "talos:v1 → registry.example.com/talos:v2"],
  ["title: vmlinuz", "title: initrd", "asset image", "title: vmlinuz → initrd"],
  ["title: vmlinuz", "platform: linux/arm64", "asset image", "platform: linux/amd64 → linux/arm64"],
  [", title: vmlinuz", "", "asset image", "title removed: vmlinuz"],
  ["pin: always-newest", "pin: none", "asset image", "pin: always-newest → none"],
  ["boot/initrd.gz", "boot/initrd.xz", "asset object", "s3://boot/initrd.gz →"],
  ["bsd: { loader: loader", "bsd: { loader: kernel", "profile sun", "bsd.loader: loader → kernel"],
  ["{ netbsd: kernel }", "{ netbsd: loader }", "profile sun", "bsd.root.netbsd: kernel → loader"],
  ["{ netbsd: kernel }", "{ bsd: kernel }", "profile sun", "bsd.root.bsd added: kernel"],
  ["/export/sun", "/export/sol", "profile sun", "rootPath: /export/sun → /export/sol"],
  [", rootPath: /export/sun", "", "profile sun", "rootPath removed"],
  [
    "rootPath: /export/sun",
    "rootPath: /export/sun, rootSquash: true",
    "profile sun",
    "rootSquash: false → true",
  ],
  [
    "root: /srv/debian",
    "root: /srv/debian, privilegedPorts: true",
    "profile debian",
    "linux.privilegedPorts: false → true",
  ],
  [", rootPath", ", overlay: 500MiB, rootPath", "profile sun", "bsd.overlay added: 500 MiB"],
  ['":none"', '":vers2"', "profile sun", "bootparams.swap"],
  ["linux: { kernel: kernel", "linux: { kernel: image", "profile debian", "linux.kernel: kernel →"],
  ["[object, image]", "[image, object]", "profile debian", "initrd: object, image → image, object"],
  ["ttyS0 quiet", "ttyS1 quiet", "profile debian", "cmdline: console=ttyS0 quiet → console=ttyS1"],
  ["/srv/debian", "/srv/other", "profile debian", "linux.root: directory /srv/debian →"],
  ["/srv/debian", "tree", "profile debian", "→ directory tree"],
  ["root: /srv/debian", "rootImage: image", "profile debian", "linux.rootImage added: image"],
  ["minipc.liquid", "other.liquid", "profile debian", "template minipc.liquid → template other"],
  [
    "extra: newest }\n    boot: extra",
    "other: newest }\n    boot: other",
    "profile debian",
    "boot: extra → other",
  ],
  ["{ list: listed }", "{ list: kernel }", "profile bare", "files.list: listed → kernel"],
  ["pxe-bios: loader", "pxe-bios: image", "defaults", "chain.pxe-bios: loader → image"],
  ["pxe-bios: loader, ", "", "defaults", "chain.pxe-bios removed: loader"],
  ["00:03:ba:5b:ae:b3", "00:03:ba:5b:ae:b4", "machine v100", "mac: 00:03:ba:5b:ae:b3 →"],
  ["172.24.42.51", "172.24.42.52", "machine v100", "ip: 172.24.42.51 → 172.24.42.52"],
  ["profile: sun", "profile: bare", "machine v100", "profile: sun → bare"],
  [", profile: sun }", " }", "machine v100", "profile removed: sun"],
  ["hostname: mini", "hostname: maxi", "machine minipc", "hostname: mini → maxi"],
  [
    "chain: { uefi-x64: loader }",
    "chain: { uefi-x64: kernel }",
    "machine minipc",
    "chain.uefi-x64",
  ],
  ["    chain: { uefi-x64: loader }\n", "", "machine minipc", "chain.uefi-x64 removed: loader"],
  ["/dev/sda", "/dev/sdb", "machine minipc", "vars.disk: /dev/sda → /dev/sdb"],
  ["size: 10,", 'size: "10",', "machine minipc", 'vars.size: 10 → "10"'],
  ["fast: true", "fast: false", "machine minipc", "vars.fast: true → false"],
  [
    "admin_password: secret-one",
    "admin_password: secret-two",
    "machine minipc",
    "vars.admin_password changed",
  ],
  ["  spare: {", "  other: {", "machine other added", "mac 00:11:22:33:44:66, ip 172.24.42.61"],
  ["  spare: {", "  other: {", "machine spare removed", ""],
  ["  bare: { files: { list: listed } }\n", "", "profile bare removed", ""],
];

const CONTENTS: ReadonlyMap<string, string> = new Map([["minipc.liquid", "one"]]);

function siteOf(text: string, dir = "/rack"): Site {
  const result = parseSite(text, `${dir}/site.yaml`, () => true);
  if (result.site === undefined) throw new Error(JSON.stringify(result.problems, null, 2));
  return result.site;
}

function digests(contents: ReadonlyMap<string, string>): (file: string) => string | undefined {
  return (file) => contents.get(path.basename(file));
}

function changed([from, to]: readonly [string, string, string, string], text = RICH): string {
  if (!text.includes(from)) throw new Error(`the site has no ${from}`);
  return text.replace(from, to);
}

describe("siteChanges", () => {
  it.each(CHANGES)("%j → %j names %s", (...change) => {
    const [, , who, part] = change;
    const lines = siteChanges(siteOf(RICH), siteOf(changed(change)));
    const line = lines.find((l) => l.includes(who) && l.includes(part));
    expect(line, `none of:\n${lines.join("\n")}`).toBeDefined();
    expect(lines.length).toBeLessThan(4);
  });

  it("says nothing of equal sites, wherever they lie, and of several changes at least one line each", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(CHANGES.length - 1), { maxLength: 6 }),
        fc.boolean(),
        (picks, moved) => {
          let text = RICH;
          const who: string[] = [];
          for (const pick of picks) {
            const change = CHANGES[pick];
            if (change === undefined || !text.includes(change[0])) continue;
            const next = text.replace(change[0], change[1]);
            if (!parseSite(next, "/rack/site.yaml", () => true).site) continue;
            text = next;
            who.push(change[2]);
          }
          const [a, b] = [siteOf(RICH), siteOf(text, moved ? "/var/lib/config/17-ab" : "/rack")];
          const same = digests(CONTENTS);
          expect(siteChanges(b, siteOf(text), same)).toEqual([]);
          const lines = siteChanges(a, b, same);
          expect(lines.length > 0).toBe(who.length > 0);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(LONGEST_LINE);
        },
      ),
      { interruptAfterTimeLimit: 3_000, numRuns: 60 },
    );
  });

  it("shows no credential", () => {
    const text = RICH.replace("ttyS0 quiet", "ttyS0 wifi.psk=hunter2 url=https://x.example/");
    const other = text.replace("hunter2", "hunter3").replace("secret-one", "secret-two");
    const lines = siteChanges(siteOf(text), siteOf(other));
    expect(lines).toEqual([
      "machine minipc: vars.admin_password changed, in a part that is not shown",
      "profile debian: linux.cmdline changed, in a part that is not shown",
    ]);
    const all = siteChanges(undefined, siteOf(text)).join("\n");
    expect(all).not.toMatch(/hunter|secret-one/);
    expect(all).toContain("wifi.psk=***");
  });

  it("tells everything of a site that is the first", () => {
    const lines = siteChanges(undefined, siteOf(RICH));
    expect(lines[0]).toBe("site added: name rack7");
    expect(lines[1]).toMatch(/^network added: interface eth0, address 172\.24\.42\.150\/24, /);
    for (const name of ["machine v100 added", "profile bare added", "asset object added"]) {
      expect(lines.some((line) => line.startsWith(name))).toBe(true);
    }
  });

  it("sees other contents of templates, in folders of their own", () => {
    const [a, b] = ["one", "two"].map((content) =>
      tempDir({ "site.yaml": RICH, "minipc.liquid": content, "ca.pem": "same" }),
    );
    const lines = siteChanges(siteOf(RICH, a), siteOf(RICH, b));
    expect(lines).toEqual(["profile debian: files.config: content of minipc.liquid changed"]);
    expect(siteChanges(siteOf(RICH, a), siteOf(RICH, tempDir()))).toEqual([]);
  });

  it("puts the same change of many things into one line, and is bounded", () => {
    const rack = (profile: string, n: number, step = 1): string =>
      `site: r\nnetwork: { address: 10.0.0.1/16 }\nassets: { a: { file: a } }\nprofiles:\n  p: { files: { a: a } }\n  q: { files: { a: a } }\nmachines:\n${Array.from(
        { length: n },
        (_, i) =>
          `  node${i * step}: { mac: "02:00:00:00:${hex(i >> 8)}:${hex(i & 255)}", ip: 10.0.${1 + (i >> 8)}.${i & 255}, profile: ${profile} }`,
      ).join("\n")}\n`;
    const one = siteChanges(siteOf(rack("p", 200)), siteOf(rack("q", 200)));
    expect(one).toEqual([
      "machines node0, node1, node2, node3, node4, node5, node6 and 193 more: profile: p → q",
    ]);
    const many = siteChanges(siteOf(rack("p", 1)), siteOf(rack("p", 400)));
    expect(many).toHaveLength(MOST_LINES);
    expect(many.at(-1)).toBe("… and 300 more changes");
  });

  it("shows where long texts begin to differ", () => {
    const long = (end: string): string =>
      RICH.replace("console=ttyS0 quiet", `console=ttyS0 ${"a".repeat(300)}${end}`);
    const [line] = siteChanges(siteOf(long("x")), siteOf(long("yz")));
    expect(line).toBe("profile debian: linux.cmdline: …aaaaaaaaaax → …aaaaaaaaaayz");
  });

  it("keeps control characters off the terminal", () => {
    const text = RICH.replace("disk: /dev/sda", String.raw`disk: "\e[2J\u202e"`);
    for (const line of siteChanges(siteOf(RICH), siteOf(text))) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
    }
  });

  it("describes parts of a site that came later by their keys", () => {
    const later = {
      interfaces: ["eth0"],
      read: "token",
      token: { kind: "env", variable: "T" },
    };
    const [a, b] = [siteOf(RICH), siteOf(RICH)].map((site, i) => ({
      ...site,
      later: i === 0 ? later : { ...later, interfaces: ["eth0", "eth1"] },
    })) as unknown as readonly Site[];
    if (!a || !b) throw new Error("two sites");
    expect(siteChanges(a, b)).toEqual(["later: interfaces: eth0 → eth0, eth1"]);
    expect(siteChanges(a, siteOf(RICH))).toEqual(["later removed"]);
    const { interfaces: _, ...anywhere } = later;
    const nowhere = { ...siteOf(RICH), later: { ...later, interfaces: [] } } as Site;
    expect(siteChanges({ ...siteOf(RICH), later: anywhere } as unknown as Site, nowhere)).toEqual([
      "later: interfaces added: none",
    ]);
    expect(siteChanges(siteOf(RICH), a)).toEqual([
      "later added: interfaces eth0, read token, token variable T",
    ]);
  });
});

function hex(n: number): string {
  return n.toString(16).padStart(2, "0");
}
