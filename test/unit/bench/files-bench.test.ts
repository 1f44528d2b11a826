import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSite } from "../../../agent/site/load.ts";
import { CASES, FILES, type FileCase, LARGEST } from "../../bench/files/cases.ts";
import { cpuSecondsOf, memoryOf, mountOf } from "../../bench/files/control-group.ts";
import { type Finding, fileTargets, findingsTable } from "../../bench/files/findings.ts";
import { loadArgs, parseLoad, speed } from "../../bench/files/load.ts";
import { casesNamed } from "../../bench/files/measure.ts";
import { LIMIT, NET, OURS, pilotlightSite } from "../../bench/files/servers.ts";
import { programPath } from "../../bench/programs.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "pilotlight-bench-test-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const LINE =
  '{"octets":64000000,"seconds":0.800000,"packets":44819,"resent":1,"duplicates":2,"errors":0,"cpuSeconds":0.390001,"blksize":1428,"windowsize":16}';
const WAY = { version: 2, folder: "/bench", mountPort: 0 } as const;

function caseNamed(name: string): FileCase {
  const found = CASES.find((c) => c.name === name);
  if (!found) throw new Error(`no case ${name}`);
  return found;
}

describe("the cases", () => {
  it("have no file whose block numbers wrap, which old clients cannot read", () => {
    for (const c of CASES.filter(({ kind }) => kind === "tftp")) {
      expect(c.octets / c.blksize).toBeLessThan(0xffff);
    }
  });

  it("read TFTP files whole, and of NFS not more than there is", () => {
    for (const c of CASES) {
      const size = new Map<string, number>(Object.entries(FILES)).get(c.file) ?? 0;
      if (c.kind === "tftp") expect(c.octets).toBe(size);
      else expect(c.octets).toBeLessThanOrEqual(size);
    }
  });

  it("have no more clients than there are addresses", () => {
    expect(Math.max(...CASES.map((c) => c.clients))).toBe(NET.clients);
  });

  it("are found by a part of their name, in any case", () => {
    expect(casesNamed("nfs read 1 kib, 1 c").map((c) => c.name)).toEqual([
      "NFS READ 1 KiB, 1 client",
    ]);
    expect(casesNamed("")).toEqual(CASES);
  });
});

describe("the site of the bench", () => {
  it("is good, and each client is a machine of its own that has all files", async () => {
    for (const name of Object.keys(FILES)) writeFileSync(join(dir, name), "");
    const file = join(dir, "site.yaml");
    writeFileSync(file, pilotlightSite(dir));
    const site = await loadSite(file);
    expect(site.machines).toHaveLength(NET.clients);
    const [first] = site.machines;
    expect([...(first?.profile?.files.keys() ?? [])]).toEqual(Object.keys(FILES));
    expect(first?.profile?.bsd?.rootPath).toBe("/bench");
  });
});

describe("loadArgs", () => {
  it("says to TFTP clients which blocks they ask for", () => {
    const words = loadArgs(caseNamed("TFTP windowsize 16, 1 client"), WAY);
    expect(words.join(" ")).toBe("tftp 172.24.42.150 172.24.42.1 1 large 64000000 1428 16");
  });

  it("says to NFS clients what to mount", () => {
    const words = loadArgs(caseNamed("NFS READ 8 KiB, 16 clients"), WAY);
    expect(words.join(" ")).toBe(
      `nfs2 172.24.42.150 172.24.42.1 16 /bench/${LARGEST} 4000000 8192 0`,
    );
  });

  it("mounts nothing where any handle will do", () => {
    const words = loadArgs(caseNamed("NFS READ 8 KiB, 16 clients"), { ...WAY, folder: undefined });
    expect(words[4]).toBe("-");
  });
});

describe("parseLoad", () => {
  it("reads what load prints", () => {
    const result = parseLoad(LINE);
    expect(result).toMatchObject({ resent: 1, duplicates: 2, errors: 0, windowsize: 16 });
    expect(speed(result)).toBeCloseTo(80);
  });

  it("does not take a line that lacks something", () => {
    expect(() => parseLoad('{"octets":1}')).toThrow("load says no seconds");
  });
});

describe("a control group", () => {
  it("is looked for where version 2 is mounted, also beside version 1", () => {
    const mounts = `cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid 0 0
`;
    expect(mountOf(mounts)).toBe("/sys/fs/cgroup/unified");
    expect(mountOf("proc /proc proc rw 0 0\n")).toBeUndefined();
  });

  it("tells processor time in microseconds", () => {
    expect(cpuSecondsOf("usage_usec 107193\nuser_usec 7193\nsystem_usec 100000\n")).toBe(0.107193);
    expect(cpuSecondsOf("")).toBeNaN();
  });

  it("tells memory in KiB, and none of a process that has ended", () => {
    const rollup = "Rss:                2048 kB\nPss:                1024 kB\nPss_Dirty:  9 kB\n";
    expect(memoryOf(rollup)).toEqual({ pss: 1, rss: 2 });
    expect(memoryOf("")).toEqual({ pss: 0, rss: 0 });
  });
});

describe("a program of a package that conflicts with another", () => {
  it("is unpacked: atftpd's program of the same name is not taken", () => {
    expect(programPath("in.tftpd")).toMatch(/test-output\/programs\/usr\/sbin\/in\.tftpd$/);
  });
});

describe("the targets", () => {
  const finding = (
    name: string,
    server: string,
    mbs: readonly number[],
    more: { readonly added?: number; readonly errors?: number } = {},
  ): Finding => {
    const before = { pss: 50, rss: 60 };
    const most = { ...before, pss: before.pss + (more.added ?? 0) };
    return {
      case: caseNamed(name),
      server,
      perClient: server === "tftpd-hpa" ? "process" : undefined,
      runs: mbs.map((speed) => ({
        ...parseLoad(LINE),
        octets: speed * 1e6,
        seconds: 1,
        errors: more.errors ?? 0,
        serverCpuSeconds: 1,
      })),
      memory: { before, most },
    };
  };
  const missed = (findings: readonly Finding[]): readonly string[] =>
    fileTargets(findings).flatMap(({ text, met }) => (met ? [] : [text]));
  const lockstep = "TFTP lockstep, 1 client";
  const windowed = "TFTP windowsize 16, 1 client";
  const many = "TFTP lockstep, 16 clients";

  it("are none where ours was not measured", () => {
    expect(fileTargets([finding(lockstep, LIMIT, [1])])).toEqual([]);
  });

  it("compare with the best of the others only, and with the limit", () => {
    const findings = [
      finding(lockstep, OURS, [80]),
      finding(lockstep, "dnsmasq", [20]),
      finding(lockstep, "atftpd", [90]),
      finding(lockstep, LIMIT, [100]),
    ];
    expect(missed(findings)).toEqual([`${lockstep}, of the best (atftpd): 0.89, at least 1`]);
  });

  it("ask for 1.3 of the best where there are windows, and not for a share of the limit", () => {
    const findings = [
      finding(windowed, OURS, [129]),
      finding(windowed, "atftpd", [100]),
      finding(windowed, LIMIT, [1_000]),
    ];
    expect(missed(findings)).toEqual([`${windowed}, of the best (atftpd): 1.29, at least 1.3`]);
  });

  it.each([
    ["NFS READ 1 KiB, 1 client", 69, 1],
    ["NFS READ 1 KiB, 1 client", 70, 0],
    ["NFS READ 8 KiB, 16 clients", 49, 1],
    ["NFS READ 8 KiB, 16 clients", 50, 0],
  ])("of %s at %d of 100: %d missed", (name, mbs, count) => {
    expect(missed([finding(name, OURS, [mbs]), finding(name, LIMIT, [100])])).toHaveLength(count);
  });

  it("ask for clients that cost less than processes for each of them, and that all get their file", () => {
    const findings = [
      finding(many, OURS, [10], { added: 2.5, errors: 1 }),
      finding(many, "tftpd-hpa", [9], { added: 1.25 }),
    ];
    expect(missed(findings)).toEqual([
      `${many}, memory for them, beside a process for each (tftpd-hpa): 2.50 MiB, below 1.25 MiB`,
      `${many}, clients that did not get their file: 1.00, below 1`,
    ]);
  });

  it("take the median of ratios of runs that followed each other", () => {
    const findings = [
      finding(lockstep, OURS, [80, 10, 40]),
      finding(lockstep, LIMIT, [100, 100, 50]),
    ];
    expect(missed(findings)).toEqual([]);
    expect(findingsTable(findings)).toContain("0.80");
  });
});
