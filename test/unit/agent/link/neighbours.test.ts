import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Neighbours } from "../../../../agent/link/neighbours.ts";
import { bytes } from "../../../support/hex.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { ip } from "../../../support/test-site.ts";

/** Puts a stub in the place of `ip`, that writes what it is told into a file. */
function stub(script = "", exit = 0) {
  const dir = tempDir();
  const file = path.join(dir, "log");
  const tool = path.join(dir, "ip");
  writeFileSync(
    tool,
    `#!/bin/sh\necho "run $*" >>${file}\n/bin/cat >>${file}\n${script}\nexit ${exit}\n`,
  );
  chmodSync(tool, 0o755);
  usePath(dir);
  return { runs: () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []) };
}

function usePath(dir: string): void {
  vi.stubEnv("PATH", dir);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

const MAC = bytes("0003ba5baeb3");

describe("Neighbours", () => {
  it("sets entries, and takes away all that it set", async () => {
    const { runs } = stub();
    const complaints: string[] = [];
    const neighbours = new Neighbours("eth0", (text) => complaints.push(text));
    await neighbours.put(ip("172.24.42.51"), MAC);
    await neighbours.put(ip("172.24.42.51"), MAC);
    await neighbours.clear();
    await neighbours.clear();
    const set = "neigh replace 172.24.42.51 lladdr 00:03:ba:5b:ae:b3 dev eth0 nud permanent";
    const run = "run -force -batch -";
    expect(runs()).toEqual([run, set, run, set, run, "neigh del 172.24.42.51 dev eth0"]);
    expect(complaints).toEqual([]);
  });

  it("runs one tool at a time, and the rest in one batch", async () => {
    const { runs } = stub();
    const neighbours = new Neighbours("eth0", () => {});
    const all = [51, 52, 53, 54].map((n) => neighbours.put(ip(`172.24.42.${n}`), MAC));
    await Promise.all(all);
    const [first, one, second, ...rest] = runs();
    expect([first, second]).toEqual(["run -force -batch -", "run -force -batch -"]);
    expect(one).toContain("172.24.42.51");
    expect(rest).toHaveLength(3);
  });

  it("gathers for a while before the next batch while machines come one after the other", async () => {
    const { runs } = stub();
    const neighbours = new Neighbours("eth0", () => {});
    const first = neighbours.put(ip("172.24.42.51"), MAC);
    const second = neighbours.put(ip("172.24.42.52"), MAC);
    await first;
    await Promise.all([second, neighbours.put(ip("172.24.42.53"), MAC)]);
    expect(runs().filter((line) => line.startsWith("run"))).toHaveLength(2);
  });

  it("goes on when the tool fails, and tells what it said", async () => {
    stub("echo 'RTNETLINK answers: Operation not permitted' >&2", 2);
    const complaints: string[] = [];
    await new Neighbours("eth0", (text) => complaints.push(text)).put(ip("172.24.42.51"), MAC);
    expect(complaints).toEqual(["RTNETLINK answers: Operation not permitted"]);
  });

  it("goes on without the tool, and tells which package has it", async () => {
    usePath(tempDir());
    const complaints: string[] = [];
    const neighbours = new Neighbours("eth0", (text) => complaints.push(text));
    await neighbours.put(ip("172.24.42.51"), MAC);
    await neighbours.put(ip("172.24.42.52"), MAC);
    expect(complaints).toHaveLength(2);
    expect(complaints[0]).toContain("package iproute2");
  });
});
