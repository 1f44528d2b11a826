import { once } from "node:events";
import { setTimeout as later } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FETCH_LIMITS } from "../../../agent/assets/fetch/keeper-options.ts";
import { noise, sha256 } from "../../support/filled-cache.ts";
import { prng } from "../../support/prng.ts";
import { until } from "../../support/until.ts";
import { journalled, Rack, STORE } from "../support/rack.ts";

const MB = 1_000_000;
const { openMs, stallMs } = FETCH_LIMITS;

/** Pinned, so that what arrives is verified against something that no store told. */
function asset(name: string, octets: Uint8Array, ...urls: readonly string[]): string {
  const url = urls.map((u) => `"${u}/${name}"`).join(", ");
  return `  ${name}: { url: [${url}], sha256: "${sha256(octets)}" }\n`;
}

describe("a bad way to the store", () => {
  it("loses 5 %, delays by 100 ms and reorders: it arrives, verified", async () => {
    const rack = await Rack.create({ uplink: { loss: 0.05, delayMs: 100, jitterMs: 10 } });
    const octets = noise(600_000, 1);
    const nginx = await rack.nginx({ files: { kernel: octets } });
    const agent = await rack.serve({
      assets: asset("kernel", octets, nginx.origin),
      names: ["kernel"],
    });
    const done = await journalled(agent, "kernel", "done", undefined, 90_000);
    expect(done.decision).toBe(`sha256 ${sha256(octets)}`);
    // The link was as bad as it should be: one way and back takes a tenth of a second.
    expect(done.ms).toBeGreaterThan(300);
    expect(rack.received()).toBeGreaterThan(octets.length);
    expect(await rack.get("kernel")).toEqual({
      status: 200,
      octets: octets.length,
      sha256: sha256(octets),
    });
    expect(await nginx.requests(1)).toEqual(["GET /kernel 200"]);
  });

  it("gives 8 Mbit/s: its progress is told, and it arrives", async () => {
    const rack = await Rack.create();
    const octets = noise(3 * MB, 2);
    const nginx = await rack.nginx({ files: { kernel: octets } });
    rack.limitRate(8);
    const agent = await rack.serve({
      assets: asset("kernel", octets, nginx.origin),
      names: ["kernel"],
    });
    const done = await journalled(agent, "kernel", "done");
    expect(done.ms).toBeGreaterThan(2_000);
    const steps = agent.journal.filter((e) => e.outcome === "progress").map((e) => e.octets);
    expect(steps.length).toBeGreaterThan(5);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect((await rack.get("kernel")).sha256).toBe(sha256(octets));
  });

  it("is cut half-way and comes back: what is there is not fetched again", async () => {
    const rack = await Rack.create();
    const octets = noise(6 * MB, 3);
    const nginx = await rack.nginx({ files: { root: octets } });
    rack.limitRate(16);
    const before = rack.received();
    const agent = await rack.serve({
      assets: asset("root", octets, nginx.origin),
      names: ["root"],
    });
    const half = await journalled(agent, "root", "progress", (e) => e.octets > octets.length / 2);
    rack.uplink("down");
    const cutMs = performance.now();
    const failed = await journalled(agent, "root", "failed", undefined, stallMs + 15_000);
    expect(failed.decision).toContain("E_STORE_UNREACHABLE");
    expect(performance.now() - cutMs).toBeLessThan(stallMs + 5_000);
    rack.uplink("up");
    await journalled(agent, "root", "done", undefined, 60_000);
    expect(rack.received() - before).toBeLessThan(1.3 * octets.length);
    const goesOn = agent.journal.filter((e) => e.decision.startsWith("goes on at"));
    expect(goesOn.length).toBeGreaterThan(0);
    expect(half.octets).toBeLessThan(octets.length);
    expect((await nginx.requests(2)).at(-1)).toBe("GET /root 206");
    expect((await rack.get("root")).sha256).toBe(sha256(octets));
  });
});

describe("a bad store", () => {
  it("is killed and started again at random while 20 assets are fetched: all arrive", async () => {
    const rack = await Rack.create();
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`file${i}`, noise(MB, 100 + i)] as const),
    );
    const nginx = await rack.nginx({ files });
    rack.limitRate(40);
    const random = prng(11);
    const before = rack.received();
    const assets = Object.entries(files).map(([name, octets]) => asset(name, octets, nginx.origin));
    const agent = await rack.serve({ assets: assets.join(""), names: Object.keys(files) });
    const done = (): number =>
      agent.journal.filter((e) => e.protocol === "assets" && e.outcome === "done").length;
    let kills = 0;
    for (let at = 0; done() < 20 && kills < 12; kills++) {
      at += (0.5 + 2 * random()) * MB;
      await until(
        () => `${at} octets, or all: ${done()} are there; ${agent.stderr}`,
        () => rack.received() - before > at || done() === 20,
        60_000,
      );
      await nginx.kill();
      // How long it is gone is the fault itself; nothing is waited for.
      await later(50 + 450 * random());
      await nginx.start();
    }
    expect(kills).toBeGreaterThan(4);
    await until(
      () => `all 20: ${done()} are there`,
      () => done() === 20,
      60_000,
    );
    for (const [name, octets] of Object.entries(files)) {
      expect(await rack.get(name)).toEqual({ status: 200, octets: MB, sha256: sha256(octets) });
    }
    expect(agent.journal.some((e) => e.decision.startsWith("goes on at"))).toBe(true);
  });

  it("stalls for ever, or never answers: it is left for the next mirror within the limits", async () => {
    const rack = await Rack.create();
    const [octets, silent] = [noise(2 * MB, 4), noise(MB, 5)];
    const nginx = await rack.nginx({ files: { half: octets, mute: silent } });
    // Gives half of one file and nothing more, and no answer at all for the other.
    const stalls = rack.store.spawn(
      process.execPath,
      "-e",
      `const half = Buffer.alloc(${MB});
       require("http").createServer((asked, answer) => {
         if (asked.url !== "/half") return;
         answer.writeHead(200, { "Content-Length": ${2 * MB} });
         answer.write(half);
       }).listen(8080, "${STORE}", () => console.log("up"));`,
    );
    await once(stalls.stdout, "data");
    const bad = `http://${STORE}:8080`;
    try {
      const agent = await rack.serve({
        assets: asset("half", octets, bad, nginx.origin) + asset("mute", silent, bad, nginx.origin),
        names: ["half", "mute"],
      });
      const half = await journalled(agent, "half", "noted");
      expect(half.event).toContain(bad);
      const done = await journalled(agent, "half", "done", undefined, stallMs + 15_000);
      expect(done.event).toContain(nginx.origin);
      const took = Date.parse(done.time) - Date.parse(half.time);
      expect(took).toBeGreaterThan(stallMs - 1_000);
      expect(took).toBeLessThan(stallMs + 5_000);
      const other = await journalled(agent, "mute", "done", undefined, openMs + 15_000);
      expect(other.event).toContain(nginx.origin);
      expect((await rack.get("half")).sha256).toBe(sha256(octets));
      expect((await rack.get("mute")).sha256).toBe(sha256(silent));
    } finally {
      stalls.kill("SIGKILL");
    }
  });
});
