import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import {
  LAUNCHER_FLAGS,
  LAUNCHER_VARIABLES,
  launcherFlags,
  SMALL_LAUNCHER_FLAGS,
} from "../../agent/cli/launcher.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const UNITS = "etc/systemd/system";

/** The names by which the agent tells its sockets apart, and what each listens on. */
const SOCKETS: Readonly<Record<string, string>> = {
  dhcp: "ListenDatagram=172.24.42.150:67",
  binl: "ListenDatagram=172.24.42.150:4011",
  tftp: "ListenDatagram=172.24.42.150:69",
  "tftp-broadcast": "ListenDatagram=172.24.42.255:69",
  "tftp-limited": "ListenDatagram=255.255.255.255:69",
  http: "ListenStream=172.24.42.150:80",
  portmap: "ListenDatagram=172.24.42.150:111",
  "portmap-broadcast": "ListenDatagram=172.24.42.255:111",
  "portmap-limited": "ListenDatagram=255.255.255.255:111",
  "portmap-tcp": "ListenStream=172.24.42.150:111",
  mount: "ListenDatagram=172.24.42.150:635",
  "mount-tcp": "ListenStream=172.24.42.150:635",
  bootparams: "ListenDatagram=172.24.42.150:636",
  "bootparams-tcp": "ListenStream=172.24.42.150:636",
  nfs: "ListenDatagram=172.24.42.150:2049",
  "nfs-tcp": "ListenStream=172.24.42.150:2049",
};

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** A unit file as `section.key` -> values, refusing a line that is neither. */
function parseUnit(text: string): Map<string, string[]> {
  const unit = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[(\w+)\]$/.exec(line);
    const entry = /^(\w+)=(.*)$/.exec(line);
    if (header?.[1] !== undefined) section = header[1];
    else if (entry?.[1] !== undefined && section !== "") {
      const key = `${section}.${entry[1]}`;
      unit.set(key, [...(unit.get(key) ?? []), entry[2] ?? ""]);
    } else throw new Error(`not a unit file's line: ${line}`);
  }
  return unit;
}

function words(unit: Map<string, string[]>, key: string): string[] {
  return (unit.get(key) ?? []).flatMap((value) => value.split(" "));
}

describe("the service unit", () => {
  const unit = parseUnit(read("packaging/systemd/pilotlight@.service"));
  const capabilities = ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"];

  it("runs unprivileged, with three capabilities and no way to more", () => {
    expect(unit.get("Service.User")).toEqual(["pilotlight"]);
    expect(words(unit, "Service.AmbientCapabilities")).toEqual(capabilities);
    expect(words(unit, "Service.CapabilityBoundingSet")).toEqual(capabilities);
    expect(unit.get("Service.NoNewPrivileges")).toEqual(["yes"]);
    expect(unit.get("Service.ProtectSystem")).toEqual(["strict"]);
  });

  it("lets the agent have raw frames, netlink and a JavaScript engine", () => {
    expect(words(unit, "Service.RestrictAddressFamilies")).toEqual(
      expect.arrayContaining(["AF_PACKET", "AF_NETLINK", "AF_INET"]),
    );
    expect(unit.has("Service.MemoryDenyWriteExecute")).toBe(false);
    expect(unit.has("Service.PrivateNetwork")).toBe(false);
  });

  it("starts again when the agent asks for it, and reads its site again on reload", () => {
    expect(unit.get("Service.RestartForceExitStatus")).toEqual(["75"]);
    expect(unit.get("Service.ExecReload")).toEqual(["/bin/kill -HUP $MAINPID"]);
  });

  it("has a site file unless the system says that there is none", () => {
    expect(unit.get("Service.Environment")).toEqual(["SITE=/etc/pilotlight/site.yaml"]);
    expect(unit.get("Service.EnvironmentFile")).toEqual(["-/etc/default/pilotlight"]);
    expect(unit.get("Service.ExecStart")?.[0]).toMatch(/ serve --interface %i --site \$\{SITE\}$/);
  });

  it("takes its sockets from the units that pilotlight-sockets writes", () => {
    const wanted = Object.keys(SOCKETS).map((name) => `pilotlight-${name}@%i.socket`);
    expect(words(unit, "Service.Sockets").sort()).toEqual(wanted.sort());
  });
});

describe("the installed command", () => {
  /** What it starts on a host with so much memory: Node's words, and what it finds in its environment. */
  function launched(memTotalKiB: number) {
    const dir = mkdtempSync(join(tmpdir(), "pilotlight-"));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, "meminfo"), `MemTotal: ${memTotalKiB} kB\nMemFree: 1 kB\n`);
    writeFileSync(join(dir, "node"), '#!/bin/sh\nprintf "%s\\n" "$@"; env', {
      mode: 0o755,
    });
    const script = read("packaging/pilotlight").replace("/proc/meminfo", join(dir, "meminfo"));
    const { PATH = "" } = process.env;
    const env = { PATH: `${dir}:${PATH}` };
    const text = execFileSync("sh", ["-c", script, "sh", "serve"], { env, encoding: "utf8" });
    const lines = text.trim().split("\n");
    const program = lines.indexOf("/opt/pilotlight/dist/agent/pilotlight.js");
    expect(lines[program + 1]).toBe("serve");
    const variables = lines.filter((line) => line.startsWith("MALLOC_"));
    return { flags: lines.slice(0, program), variables: variables.sort() };
  }

  it.each([424_000, 599_999, 600_000, 16_000_000])("is as launcher.ts says with %i kB", (kib) => {
    const { flags, variables } = launched(kib);
    expect(flags).toEqual(launcherFlags(kib * 1_024));
    const expected = Object.entries(LAUNCHER_VARIABLES).map(([name, value]) => `${name}=${value}`);
    expect(variables).toEqual(expected.sort());
  });

  it("gives flags that Node knows", () => {
    for (const flags of [LAUNCHER_FLAGS, SMALL_LAUNCHER_FLAGS]) {
      const out = execFileSync(process.execPath, [...flags, "-p", "1"], { encoding: "utf8" });
      expect(out).toBe("1\n");
    }
  });
});

describe("pilotlight-sockets", () => {
  const script = join(ROOT, "packaging/pilotlight-sockets");
  let dest = "";
  function run(...args: string[]): string {
    const site = join(ROOT, "packaging/site.yaml");
    const env = { ...process.env, DESTDIR: dest, SITE: site, PILOTLIGHT_ROOT: ROOT };
    return execFileSync(script, args, { env, encoding: "utf8", stdio: "pipe" });
  }
  beforeAll(() => {
    dest = mkdtempSync(join(tmpdir(), "pilotlight-"));
    run("eth0", "172.24.42.150/24");
  });
  afterAll(() => rmSync(dest, { recursive: true }));

  it.each(Object.entries(SOCKETS))("binds %s to the interface as %s", (name, listen) => {
    const file = join(dest, UNITS, `pilotlight-${name}@eth0.socket`);
    const unit = parseUnit(readFileSync(file, "utf8"));
    const [key = "", value = ""] = listen.split("=");
    expect(unit.get(`Socket.${key}`)).toEqual([value]);
    expect(unit.get("Socket.FileDescriptorName")).toEqual([name]);
    expect(unit.get("Socket.BindToDevice")).toEqual(["eth0"]);
    expect(unit.get("Socket.FreeBind")).toEqual(["yes"]);
    expect(unit.get("Socket.Service")).toEqual(["pilotlight@eth0.service"]);
  });

  it("writes nothing else", () => {
    expect(readdirSync(join(dest, UNITS))).toHaveLength(Object.keys(SOCKETS).length);
  });

  it("replaces what it wrote for an interface and leaves another's alone", () => {
    run("eth0.5", "10.1.0.1/22");
    run("eth0.5", "10.1.4.1/22");
    const file = join(dest, UNITS, "pilotlight-tftp-broadcast@eth0.5.socket");
    expect(readFileSync(file, "utf8")).toContain("ListenDatagram=10.1.7.255:69");
    const sysctl = readFileSync(join(dest, "etc/sysctl.d/60-pilotlight.conf"), "utf8");
    expect(sysctl.split("\n").filter((line) => line.startsWith("net"))).toEqual([
      "net.ipv4.conf.eth0.rp_filter = 1",
      "net.ipv4.conf.eth0/5.rp_filter = 1",
    ]);
  });

  it("takes interface and address from the site when told nothing", () => {
    expect(run()).toContain("192.168.77.1/24 on eth0");
  });

  it.each([
    ["eth0"],
    ["eth0", "172.24.42.150"],
    ["eth0", "172.24.42.150/31"],
    ["eth0", "172.24.42.256/24"],
    ["eth0", "0.0.0.0/24"],
    ["eth0", "239.1.1.1/24"],
    ["../eth0", "172.24.42.150/24"],
    ["-", "172.24.42.150/24"],
  ])("refuses %j %j", (...args) => expect(() => run(...args)).toThrow());
});

describe("the sample site", () => {
  it("is YAML whose interface and address `make install` fills in", () => {
    const text = read("packaging/site.yaml");
    expect(parse(text)).toMatchObject({
      network: { interface: "eth0", address: "192.168.77.1/24" },
    });
    // The two texts that packaging/install replaces.
    expect(text).toContain("interface: eth0 ");
    expect(text).toContain("address: 192.168.77.1/24 ");
  });
});

describe("make", () => {
  const targets = [...read("Makefile").matchAll(/^([a-z-]+):.*## /gm)].map((m) => m[1] ?? "");

  it("lists its targets when called alone", () => {
    const listed = execFileSync("make", { cwd: ROOT, encoding: "utf8" });
    for (const target of targets) expect(listed).toMatch(new RegExp(`^${target}\\s`, "m"));
  });

  it.each(targets)("knows how to make %s", (target) => {
    expect(() => execFileSync("make", ["-n", target], { cwd: ROOT, stdio: "pipe" })).not.toThrow();
  });

  it.each(["setup", "build", "lint", "test", "test-real", "bench", "run", "clean", "install"])(
    "has %s",
    (target) => expect(targets).toContain(target),
  );
});

describe("scripts", () => {
  it.each([
    "scripts/setup",
    ".ci/run",
    "packaging/install",
    "packaging/uninstall",
    "packaging/pilotlight-sockets",
  ])("%s is sound bash that stops at the first failure", (path) => {
    execFileSync("bash", ["-n", join(ROOT, path)]);
    expect(read(path)).toMatch(/^set -euo pipefail$/m);
  });
});
