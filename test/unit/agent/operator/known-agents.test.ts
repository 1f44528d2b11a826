import { chmodSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { announcedPins } from "../../../../agent/operator/announced-pins.ts";
import { OperatorHome, operatorHome } from "../../../../agent/operator/home.ts";
import { KnownAgents, type Met } from "../../../../agent/operator/known-agents.ts";
import { failureOf } from "../../../support/agent-errors.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const RACK7 = generateKey().publicKey.fingerprint;
const OTHER = generateKey().publicKey.fingerprint;
const FIRST_MS = Date.UTC(2026, 10, 21, 13, 0, 0);

function met(more: Partial<Met> = {}): Met {
  return { name: "rack7", fingerprint: RACK7, address: "10.0.0.7:7458", asked: "rack7", ...more };
}

function open(): { home: OperatorHome; known: KnownAgents; clock: { nowMs: number } } {
  const home = new OperatorHome(path.join(tempDir(), "home"));
  const clock = { nowMs: FIRST_MS };
  return { home, known: new KnownAgents(home, () => clock.nowMs), clock };
}

describe("KnownAgents", () => {
  it("remembers whom it met, for nobody else to read", async () => {
    const { home, known } = open();
    expect(known.list()).toEqual([]);
    expect(await known.meet(met())).toMatchObject({ first: true });
    expect(await known.meet(met())).toMatchObject({ first: false });
    expect(known.list()).toEqual([
      {
        name: "rack7",
        fingerprint: RACK7,
        firstMet: "2026-11-21T13:00:00.000Z",
        lastMet: "2026-11-21T13:00:00.000Z",
        lastAddress: "10.0.0.7:7458",
      },
    ]);
    expect(statSync(home.dir).mode & 0o777).toBe(0o700);
    expect(statSync(home.file("known-agents.yaml")).mode & 0o777).toBe(0o600);
    expect(readdirSync(home.dir)).toEqual(["known-agents.yaml", "names.json"]);
  });

  it("follows an agent that moves or is renamed", async () => {
    const { known, clock } = open();
    await known.meet(met());
    clock.nowMs += 5_000;
    await known.meet(met({ address: "[fe80::1%eth0]:7458", name: "rack8" }));
    expect(known.list()).toMatchObject([
      { name: "rack8", firstMet: "2026-11-21T13:00:00.000Z", lastAddress: "[fe80::1%eth0]:7458" },
    ]);
  });

  it("shouts when an agent that is asked for by name has another key", async () => {
    const { home, known } = open();
    await known.meet(met());
    const before = readFileSync(home.file("known-agents.yaml"), "utf8");
    const error = await failureOf(() =>
      known.meet(met({ fingerprint: OTHER, address: "10.0.0.9:7458" })),
    );
    expect(error.code).toBe("E_IDENTITY");
    for (const part of ["HAS CHANGED", RACK7, OTHER, "2026-11-21", "10.0.0.9:7458"]) {
      expect(error.message).toContain(part);
    }
    expect(error.cure).toContain("pilotlight trust forget rack7");
    expect(
      await failureOf(() => known.look(met({ fingerprint: OTHER, asked: "RACK7" }))),
    ).toMatchObject({
      code: "E_IDENTITY",
    });
    expect(readFileSync(home.file("known-agents.yaml"), "utf8")).toBe(before);
  });

  it("shouts when a stranger answers where a known agent was, but not when another known one does", async () => {
    const { known } = open();
    await known.meet(met());
    const there = { name: "x", fingerprint: OTHER, asked: "" };
    expect(await failureOf(() => known.meet(met(there)))).toMatchObject({ code: "E_IDENTITY" });
    await known.meet(met({ ...there, address: "10.0.0.8:7458" }));
    expect(await known.meet(met(there))).toMatchObject({ first: false });
  });

  it("gives who claims the name of another one a name of its own, and says so", async () => {
    const { known } = open();
    await known.meet(met());
    const twin = met({ fingerprint: OTHER, address: "10.0.0.9:7458", asked: "" });
    expect(await known.meet(twin)).toMatchObject({
      first: true,
      agent: { name: "rack7 (2)" },
      namesake: { fingerprint: RACK7 },
    });
    const again = await known.meet({ ...twin, asked: "rack7 (2)" });
    expect(again).toEqual({ first: false, agent: expect.objectContaining({ name: "rack7 (2)" }) });
    expect(await failureOf(() => known.meet({ ...twin, asked: "rack7" }))).toMatchObject({
      code: "E_IDENTITY",
    });
  });

  it("believes a new key after the old one was forgotten", async () => {
    const { known } = open();
    const { agent } = await known.meet(met());
    await known.forget(agent);
    expect(await known.meet(met({ fingerprint: OTHER }))).toMatchObject({ first: true });
  });

  it("cleans names of what could steer a terminal", async () => {
    const { known } = open();
    const { agent } = await known.meet(met({ name: `\u001b[2J${"x".repeat(300)}`, asked: "" }));
    expect(agent.name).not.toContain("\u001b");
    expect(agent.name).toHaveLength(100);
  });

  it("keeps at most a thousand, and forgets those met longest ago", async () => {
    const { home, known, clock } = open();
    const agents = Array.from({ length: 1_000 }, (_, i) => ({
      name: `a${i}`,
      fingerprint:
        `${"abcdefghij"[i % 10]}${String(i).replace(/\d/g, (d) => "klmnopqrst"[Number(d)] ?? "")}`.padEnd(
          52,
          "a",
        ),
      firstMet: new Date(FIRST_MS + i).toISOString(),
      lastMet: new Date(FIRST_MS + i).toISOString(),
      lastAddress: `10.1.${i >> 8}.${i & 255}:7458`,
    }));
    await home.write("known-agents.yaml", JSON.stringify({ agents }));
    clock.nowMs += 1_000_000;
    await known.meet(met());
    const names = known.list().map(({ name }) => name);
    expect(names).toHaveLength(1_000);
    expect(names).not.toContain("a0");
    expect(names.at(-1)).toBe("rack7");
  });

  it("loses nothing when several commands meet agents at once", async () => {
    const { home } = open();
    const all = Array.from({ length: 12 }, (_, i) =>
      new KnownAgents(home).meet(
        met({
          name: `r${i}`,
          fingerprint: generateKey().publicKey.fingerprint,
          address: `10.0.1.${i}:7458`,
          asked: "",
        }),
      ),
    );
    await Promise.all(all);
    expect(new KnownAgents(home).list()).toHaveLength(12);
  });

  it.each([
    ["no YAML", "agents: [", "not YAML"],
    ["no list", "agents: 3", "no list"],
    ["no fingerprint", "agents: [{ name: rack7 }]", "no name or no fingerprint"],
    ["half a fingerprint", "agents: [{ name: rack7, fingerprint: k7xq }]", "is none"],
    ["an alias bomb", "a: &a [x]\nagents: [*a, *a]", "not YAML"],
  ])("never goes on with a file of %s as if nobody had been met", async (_, text, why) => {
    const { home, known } = open();
    await home.write("known-agents.yaml", text);
    const error = await failureOf(() => known.meet(met()));
    expect([error.code, error.message]).toEqual(["E_KEY", expect.stringContaining(why)]);
    expect(readFileSync(home.file("known-agents.yaml"), "utf8")).toBe(text);
  });
});

describe("OperatorHome", () => {
  it("is where the environment says", () => {
    expect(operatorHome({ PILOTLIGHT_HOME: "/x/y", HOME: "/home/eva" }).dir).toBe("/x/y");
    expect(operatorHome({ HOME: "/home/eva" }).dir).toBe("/home/eva/.config/pilotlight");
    expect(operatorHome({ XDG_CONFIG_HOME: "/c", HOME: "/home/eva" }).dir).toBe("/c/pilotlight");
  });

  it("does not use what others may write or, of a secret, read", async () => {
    const { home } = open();
    await home.write("a", "text");
    expect(home.read("a", true)).toBe("text");
    chmodSync(home.file("a"), 0o640);
    expect(home.read("a")).toBe("text");
    expect(await failureOf(() => home.read("a", true))).toMatchObject({
      code: "E_KEY",
      cure: expect.stringContaining("chmod 600"),
    });
    chmodSync(home.file("a"), 0o620);
    expect(await failureOf(() => home.read("a"))).toMatchObject({ code: "E_KEY" });
    chmodSync(home.dir, 0o777);
    expect(await failureOf(() => home.write("b", ""))).toMatchObject({ code: "E_KEY" });
  });

  it("says why it cannot be used", async () => {
    const dir = tempDir({ file: "" });
    const home = new OperatorHome(path.join(dir, "file", "below"));
    expect(home.read("a")).toBeUndefined();
    expect(await failureOf(() => home.write("a", ""))).toMatchObject({
      code: "E_KEY",
      cure: expect.stringContaining("$PILOTLIGHT_HOME"),
    });
    expect(await failureOf(() => new OperatorHome("/").read("dev"))).toMatchObject({
      code: "E_KEY",
    });
  });

  it("does not wait for a lock that a killed command left behind", async () => {
    const { home } = open();
    await home.write("a", "1");
    writeFileSync(home.file("a.lock"), "");
    utimesSync(home.file("a.lock"), 1_000, 1_000);
    await home.update("a", (text) => `${text}2`);
    expect(home.read("a")).toBe("12");
    expect(readdirSync(home.dir)).toEqual(["a"]);
  });
});

describe("announcedPins", () => {
  it("says which known agents announce another key", async () => {
    const { home, known } = open();
    await known.meet(met());
    const { check } = announcedPins({ PILOTLIGHT_HOME: home.dir });
    const agent = {
      name: "rack7",
      instance: "rack7",
      board: "x",
      version: "x",
      site: undefined,
      state: "serving",
      port: 7458,
      addresses: [],
      interface: undefined,
    } as const;
    expect(check({ ...agent, fingerprint: RACK7 })).toBeUndefined();
    expect(check({ ...agent, instance: "rack8", fingerprint: OTHER })).toBeUndefined();
    expect(check({ ...agent, instance: "Rack7", fingerprint: OTHER })).toContain("2026-11-21");
  });
});
