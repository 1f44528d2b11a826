import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { RASPBERRY_PI_ZERO_2_W } from "../../../boards/raspberry-pi-zero-2-w.ts";
import { noise, sha256 } from "../../support/filled-cache.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { AGENT, journalled, Rack } from "../support/rack.ts";

const READERS = 1_000;
const SIZE = 64_000_000;
const SPAN = 2_000_000;
const { budgets } = RASPBERRY_PI_ZERO_2_W;
const MIB = 1024 * 1024;
/**
 * What may come on top of one copy: code that runs for the first time, the young generation. Of the copy itself the board keeps
 * less in its chunks; what it dropped from them lies about until the collector comes, and counts too.
 */
const BESIDE = 32 * MIB;
/** What a connection above the board's own limit may cost; a second copy of the asset would be twice all of them. */
const CONNECTION = 32 * 1024;

/** What `readers.mjs` prints. */
interface Read {
  readonly right: number;
  readonly wrong: number;
  readonly turnedAway: number;
  readonly most: number;
}

/** A line of /proc/PID/status, in octets. */
function memory(pid: number, line: "VmRSS" | "VmHWM"): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1024;
}

/** Raises one budget of the board in an agent: what a connection costs is measured, not how many it takes. */
function withConnections(count: number): readonly string[] {
  const board = pathToFileURL(resolve("dist/boards/raspberry-pi-zero-2-w.js"));
  const dir = tempDir({
    "budget.mjs": `import { RASPBERRY_PI_ZERO_2_W as board } from "${board}";
board.budgets.httpConnections = ${count};
`,
  });
  return ["env", `NODE_OPTIONS=--import=${pathToFileURL(join(dir, "budget.mjs"))}`];
}

describe(`${READERS} readers of one asset, on the budgets of a Raspberry Pi Zero 2 W`, () => {
  it.each([
    ["as many at a time as the board takes", budgets.httpConnections, []],
    ["all at a time", READERS, withConnections],
  ] as const)("get the right octets and hold one copy (%s)", async (_, together, launcher) => {
    const rack = await Rack.create();
    const octets = noise(SIZE, 1);
    const nginx = await rack.nginx({ files: { root: octets } });
    const serve = {
      assets: `  root: { url: "${nginx.origin}/root", sha256: "${sha256(octets)}" }`,
      names: ["root"],
      launcher: typeof launcher === "function" ? launcher(READERS + 100) : launcher,
      options: ["--board", RASPBERRY_PI_ZERO_2_W.id],
      state: tempDir(),
    };
    const first = await rack.serve(serve);
    await journalled(first, "root", "done", undefined, 60_000);
    first.signal("SIGTERM");
    expect(await first.exit()).toBe(0);
    // One that has done nothing yet: what fetching leaves behind would hide what reading takes.
    const agent = await rack.serve(serve);
    const before = memory(agent.pid, "VmRSS");
    // The high-water mark begins anew (proc(5)).
    writeFileSync(`/proc/${agent.pid}/clear_refs`, "5");

    const numbers = [READERS, SPAN, together].map(String);
    const file = join(nginx.root, "root");
    const script = resolve("test/real/support/readers.mjs");
    const url = `http://${AGENT}/root`;
    const readers = rack.machine.spawn(process.execPath, script, url, file, ...numbers);
    const closed = once(readers, "close");
    let said = "";
    for (const stream of [readers.stdout, readers.stderr]) {
      stream.on("data", (piece: Buffer) => {
        said += piece.toString();
      });
    }
    await closed;
    const read = JSON.parse(said) as Read;
    expect(read).toMatchObject({ right: READERS, wrong: 0 });
    expect(read.most).toBeGreaterThanOrEqual(together);
    const grown = memory(agent.pid, "VmHWM") - before;
    const connections = Math.max(0, together - budgets.httpConnections) * CONNECTION;
    expect(grown).toBeLessThan(SIZE + BESIDE + connections);
  });
});
