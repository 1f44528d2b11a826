import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = path.join(ROOT, "dist/agent/main.js");
if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first (make build)`);

const IS_ROOT = process.getuid?.() === 0;
const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const TIMEOUT_MS = 90_000;
/** The table's lines of two machines that have booted. */
const TABLE = /machine .*verdict\nv100 +openfirmware .* booted\nminipc +pxe .* booted\n$/;

/** One run of the lab: its processes carry a mark in their environment, its temporary files have a folder of their own. */
class LabRun {
  readonly folder = mkdtempSync(path.join(tmpdir(), "pilotlight-test-"));
  readonly mark = `PILOTLIGHT_TEST=${path.basename(this.folder)}`;
  readonly ended: Promise<{ status: number | null; out: string; complaint: string }>;
  /** The network namespaces that its processes were seen in. */
  readonly namespaces = new Set<number>();
  private readonly child: ChildProcess;

  constructor(prefix: readonly string[], args: readonly string[], main = MAIN) {
    const [command = "", ...rest] = [...prefix, process.execPath, main, "lab", ...args];
    const [name = "", value] = this.mark.split("=");
    const env = { ...process.env, TMPDIR: this.folder, [name]: value };
    this.child = spawn(command, rest, { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let complaint = "";
    this.child.stdout?.on("data", (piece) => {
      out += piece;
    });
    this.child.stderr?.on("data", (piece) => {
      complaint += piece;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (status) => resolve({ status, out, complaint }));
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Command lines of its processes that live; notes their namespaces. */
  processes(): string[] {
    const own = statSync("/proc/self/ns/net").ino;
    return readdirSync("/proc").flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(this.mark))
          return [];
        const { ino } = statSync(`/proc/${pid}/ns/net`);
        if (ino !== own) this.namespaces.add(ino);
        return [readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")];
      } catch {
        return []; // it ended meanwhile, or is another user's
      }
    });
  }

  /** Resolves when both machines are on. */
  async untilMachinesRun(): Promise<void> {
    await until("both machines run", () => {
      const sims = this.processes().filter((line) => / sim (openfirmware|pxe) /.test(line));
      return sims.length === 2;
    });
  }

  /** Nothing is left: no process, no file, no mount, no namespace. */
  async expectNothingLeft(): Promise<void> {
    await until("no process is left", () => this.processes().length === 0);
    await until("no file is left", () => readdirSync(this.folder).length === 0);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(this.folder);
    const named = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
    const held = named.map((n) => statSync(`/run/netns/${n}`, { throwIfNoEntry: false })?.ino ?? 0);
    expect(held.filter((ino) => this.namespaces.has(ino))).toEqual([]);
  }
}

/** Polls until `condition` holds; fails after a while with what was awaited. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let run: LabRun | undefined;

function start(prefix: readonly string[], args: readonly string[] = [], main = MAIN): LabRun {
  run = new LabRun(prefix, args, main);
  return run;
}

beforeEach(() => {
  run = undefined;
});

afterEach(async () => {
  run?.kill("SIGKILL");
  await run?.ended;
  if (run) rmSync(run.folder, { recursive: true, force: true });
});

describe("pilotlight lab", { timeout: TIMEOUT_MS }, () => {
  it("boots both machines, says so in a table, and leaves nothing", async () => {
    const lab = start([]);
    await lab.untilMachinesRun();
    const { status, out, complaint } = await lab.ended;
    expect(complaint).toBe("");
    expect(out).toMatch(TABLE);
    expect(out).toMatch(/^v100 .* nfs +loaded netbsd: 6\.00 MB/m);
    expect(out).toMatch(/^minipc .* http +loaded initrd: 12\.0 MB/m);
    expect(out).not.toContain("\x1b");
    expect(status).toBe(0);
    // Two that last, and whatever a probe made for a moment.
    expect(lab.namespaces.size).toBeGreaterThanOrEqual(2);
    await lab.expectNothingLeft();
  });

  it("prints JSON lines", async () => {
    const { status, out } = await start([], ["--json"]).ended;
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(new Set(lines.map((l) => l.kind))).toEqual(new Set(["firmware", "journal", "result"]));
    expect(lines.at(-1)).toMatchObject({ kind: "result", booted: true, journal: null });
    expect(status).toBe(0);
  });

  it("fails when the machines take too long, and keeps the agent's journal", async () => {
    // A PXE ROM waits two seconds for offers.
    const { status, out } = await start([], ["--timeout", "1"]).ended;
    expect(out).toMatch(/^minipc failed: .*not booted after 1 s$/m);
    const journal = /^The agent's journal says why: (.*)$/m.exec(out)?.[1] ?? "";
    const entries = readFileSync(journal, "utf8").split("\n").slice(0, -1);
    for (const line of entries) expect(JSON.parse(line)).toHaveProperty("decision");
    expect(status).toBe(1);
  });

  it.each<[NodeJS.Signals, number | null]>([
    ["SIGINT", 1],
    ["SIGTERM", 1],
    ["SIGKILL", null],
  ])("leaves nothing after %s", async (signal, expected) => {
    const lab = start([]);
    await lab.untilMachinesRun();
    lab.kill(signal);
    const { status, out } = await lab.ended;
    expect(status).toBe(expected);
    expect(out).not.toMatch(TABLE);
    await lab.expectNothingLeft();
  });

  it("refuses to be its own inner process", async () => {
    const own = `net:[${statSync("/proc/self/ns/net").ino}]`;
    const { status, complaint } = await start([], ["--inside", own, "--scratch", "/nowhere"]).ended;
    expect(complaint).toMatch(/^E_USAGE: --inside/);
    expect(status).toBe(2);
  });

  it("says what is missing", async () => {
    const { status, complaint } = await start(["env", "PATH=/nowhere"]).ended;
    // /usr/sbin and /sbin are looked at too, and hold `ip` on some systems.
    expect(complaint).toMatch(/^E_NAMESPACE: the lab needs `\w+`, which is not installed\n.*apt/);
    expect(status).toBe(1);
  });

  it.runIf(IS_ROOT)("does without root where the kernel allows it", async () => {
    // nobody may not look into every home, so the tree is shown under /mnt, in a mount namespace of the test's own.
    const script = `mount --bind "$0" /mnt && exec "$@"`;
    const prefix = ["unshare", "--mount", "sh", "-c", script, ROOT, ...NOBODY];
    const probe = [...NOBODY.slice(1), "unshare", "--user", "--map-root-user", "--net", "true"];
    const allowed = spawnSync("setpriv", probe).status === 0;
    const lab = start(prefix, [], "/mnt/dist/agent/main.js");
    await chmod(lab.folder, 0o777);
    const { status, out, complaint } = await lab.ended;
    if (allowed) {
      expect(complaint).toBe("");
      expect(out).toMatch(TABLE);
    } else {
      expect(complaint).toMatch(/^E_NAMESPACE: /);
    }
    expect(status).toBe(allowed ? 0 : 1);
    await lab.expectNothingLeft();
  });
});
