import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bundle } from "../../../agent/bundle/bundle.ts";
import { sealBundle } from "../../../agent/bundle/seal-bundle.ts";
import type { AgentStatus } from "../../../agent/control/messages.ts";
import { keyFromPem } from "../../../agent/identity/ed25519.ts";
import type { SigningKey } from "../../../agent/identity/keys.ts";
import type { AgentProcess } from "../../support/agent-process.ts";
import { bundleOf } from "../../support/bundles.ts";
import type { PipedChild } from "../../support/netns.ts";
import { until } from "../../support/until.ts";
import {
  blankAgent,
  bootSun,
  claimCode,
  type Host,
  LAN,
  RackLan,
  Store,
  siteText,
} from "./rack-lan.ts";

/* What a stranger on the LAN of a configured agent can do to it. The steps run in this order. */

const HOSTILE = fileURLToPath(new URL("../../support/hostile.mjs", import.meta.url));
const STORE_PORT = 8_080;
const CONTROL_PORT = "7458";
const GIVEN_PORT = 8_000;
const STEP_MS = 90_000;
/** What hostile input may cost of resident memory, octets. */
const MOST_GROWTH = 64 * 1024 * 1024;
const RUBBISH = 1_500;

let lan: RackLan;
let store: Store;
let agent: AgentProcess;
let fingerprint: string;

/** A program of the stranger's, as `hostile.mjs` knows it. */
class Mischief {
  readonly lines: string[] = [];
  private readonly child: PipedChild;
  private stderr = "";

  constructor(...args: readonly string[]) {
    this.child = lan.stranger.ns.spawn(process.execPath, HOSTILE, ...args);
    this.child.stdout.on("data", (piece: Buffer) => {
      this.lines.push(...piece.toString().trim().split("\n"));
    });
    this.child.stderr.on("data", (piece: Buffer) => {
      this.stderr += piece.toString();
    });
  }

  async saying(found: (lines: readonly string[]) => boolean): Promise<this> {
    await until(
      () => `the stranger: ${this.lines.slice(-3)} ${this.stderr}`,
      () => found(this.lines),
      STEP_MS,
    );
    return this;
  }

  up(): Promise<this> {
    return this.saying((lines) => lines.includes("up"));
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}

beforeAll(async () => {
  lan = await RackLan.create();
  const folder = join(lan.dir, "store");
  mkdirSync(folder);
  writeFileSync(join(folder, "ofwboot.net"), new Uint8Array(20_000).fill(1));
  writeFileSync(join(folder, "netbsd"), new Uint8Array(300_000).fill(2));
  store = await Store.open(lan.laptop.ns, folder, STORE_PORT);
  agent = blankAgent(lan, 0, "rack-a", join(lan.dir, "state-rack-a"));
  await lan.laptop.done("keygen");
  await lan.stranger.done("keygen");
  await lan.laptop.done("claim", "rack-a", await claimCode(agent), "--as", "eva");
  await lan.laptop.done("push", siteFile("first"), "rack-a", "--yes");
  fingerprint = (await statusOf()).identity.fingerprint;
}, STEP_MS);

afterAll(async () => {
  await agent?.close();
  await store?.close();
  await lan?.close();
}, STEP_MS);

function siteFile(name: string): string {
  const text = siteText(`http://${LAN.laptop}:${STORE_PORT}`);
  return lan.file(`${name}.yaml`, text.replace("three-racks", name));
}

async function statusOf(): Promise<AgentStatus> {
  return JSON.parse(await lan.laptop.done("status", "rack-a", "--json")) as AgentStatus;
}

function keyOf(host: Host): SigningKey {
  return keyFromPem(readFileSync(join(host.home, "operator.key"), "utf8"));
}

/** Looks for agents until what is found is as it should be. */
async function discovered(right: (stdout: string) => string | undefined): Promise<string> {
  const deadline = performance.now() + STEP_MS / 2;
  for (;;) {
    const { stdout } = await lan.laptop.pilotlight("discover");
    const found = right(stdout);
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(stdout);
  }
}

/** What a request of the stranger's gives: status and body. */
function asked(headers: Readonly<Record<string, string>>, path = "/v1/identity"): string {
  const program = `
    require("node:http").get(
      { host: "${LAN.agent(0)}", port: ${CONTROL_PORT}, path: "${path}", headers: ${JSON.stringify(headers)} },
      (response) => {
        let body = "";
        response.on("data", (piece) => { body += piece; });
        response.on("end", () => console.log(response.statusCode, JSON.stringify(response.headers), body));
      });`;
  return lan.stranger.ns.run(process.execPath, "-e", program);
}

describe("a stranger on the LAN", () => {
  it(
    "cannot keep the operator or the rack from the agent by a thousand slow connections",
    async () => {
      const slow = await new Mischief("slow", LAN.agent(0), CONTROL_PORT, "1000").up();
      try {
        await lan.laptop.done("push", siteFile("second"), "rack-a", "--yes");
        expect(await bootSun(lan, 0)).toContain("booted");
        const { site, counters } = await statusOf();
        expect(site?.name).toBe("second");
        const ended = ["control full", "control displaced", "control slow header"];
        expect(ended.map((what) => counters[what] ?? 0).some((n) => n > 100)).toBe(true);
      } finally {
        await slow.stop();
      }
    },
    STEP_MS,
  );

  it(
    "cannot make it fall, or grow, by rubbish",
    async () => {
      const before = await statusOf();
      const rubbish = new Mischief("rubbish", LAN.agent(0), CONTROL_PORT, "7");
      try {
        await rubbish.saying((lines) => lines.some((line) => Number(line) >= RUBBISH));
        // The operator is served meanwhile.
        await statusOf();
      } finally {
        await rubbish.stop();
      }
      const after = await statusOf();
      expect(agent.status).toBeUndefined();
      const rose = (what: string): number =>
        (after.counters[what] ?? 0) - (before.counters[what] ?? 0);
      for (const what of ["control not HTTP", "control E_PROTOCOL", "control E_NOT_FOUND"]) {
        expect([what, rose(what)]).toEqual([what, expect.toSatisfy((n: number) => n > 10)]);
      }
      const mdns = Object.keys(after.counters).filter((what) => what.startsWith("mdns "));
      expect(mdns.map(rose).some((n) => n > 100)).toBe(true);
      expect(after.residentOctets - before.residentOctets).toBeLessThan(MOST_GROWTH);
      expect(after).toMatchObject({ state: "serving", site: { name: "second" } });
    },
    STEP_MS,
  );

  it(
    "has nothing from it by an operator's browser",
    () => {
      const address = `${LAN.agent(0)}:${CONTROL_PORT}`;
      expect(asked({ Host: address })).toContain(fingerprint);
      for (const headers of [
        { Host: "attacker.example" },
        { Host: `attacker.example:${CONTROL_PORT}` },
        { Host: address, Origin: "http://attacker.example" },
        { Host: address, Origin: "null" },
        { Host: address, "Sec-Fetch-Site": "cross-site" },
        { Host: address, "Sec-Fetch-Site": "same-origin" },
      ]) {
        for (const path of ["/v1/identity", "/v1/status", "/v1/nonce", "/v1"]) {
          const said = asked(headers, path);
          expect([headers, said]).toEqual([headers, expect.stringMatching(/^403 /)]);
          expect(said).not.toContain(fingerprint);
          expect(said.toLowerCase()).not.toContain("access-control-");
        }
      }
    },
    STEP_MS,
  );

  it(
    "is not taken for it by mDNS, and does not hide it from who has met it",
    async () => {
      const txt = ["txtvers=1", `id=${"q".repeat(52)}`, "state=serving", "proto=1", "board=x"];
      const spoof = await new Mischief("spoof", LAN.stranger, JSON.stringify(txt)).up();
      try {
        expect((await statusOf()).identity.fingerprint).toBe(fingerprint);
        const shouted = await discovered((stdout) => /!! [\s\S]*/.exec(stdout)?.[0]);
        expect(shouted.replaceAll(/\s+/g, " ")).toMatch(/rack-a.*key|key.*rack-a|identity/i);
      } finally {
        await spoof.stop();
      }
      await discovered((stdout) => (stdout.includes("10.77.0.11") ? stdout : undefined));
    },
    STEP_MS,
  );

  it(
    "is told from it when it is off and another takes its name",
    async () => {
      await agent.close();
      const state = join(lan.dir, "state-impostor");
      const options = ["--name", "rack-a", "--state", state, "--management", LAN.interface];
      const impostor = lan.stranger.start("serve", "--json", ...options);
      try {
        await claimCode(impostor);
        const { status, stdout, stderr } = await lan.laptop.pilotlight("status", "rack-a");
        expect([status, stdout]).toEqual([1, ""]);
        expect(stderr).toContain("E_IDENTITY");
        expect(stderr).toContain(fingerprint);
        expect(stderr.match(/[a-z2-7]{52}/g)?.some((key) => key !== fingerprint)).toBe(true);
        const push = await lan.laptop.pilotlight("push", siteFile("third"), "rack-a", "--yes");
        expect([push.status, push.stdout + push.stderr]).toEqual([
          1,
          expect.stringContaining("E_IDENTITY"),
        ]);
      } finally {
        await impostor.close();
      }
    },
    STEP_MS,
  );
});

describe("a stranger's server", () => {
  const SITE = "site: given\nnetwork: { address: 172.24.42.150/24, interface: rack0 }\n";
  const NOW_S = Math.floor(Date.now() / 1_000);
  let file: string;
  let given: Mischief;
  let blank: AgentProcess | undefined;

  beforeAll(async () => {
    file = lan.file("given.bundle", "");
    given = await new Mischief("give", String(GIVEN_PORT), file).up();
  });

  afterAll(async () => {
    await blank?.close();
    await given.stop();
  });

  function bundle(change: Partial<Bundle>, key: SigningKey): Uint8Array {
    const text = `${SITE}management: { interfaces: [${LAN.interface}] }\n`;
    const files = new Map([["site.yaml", Buffer.from(text)]]);
    return sealBundle(bundleOf({ site: "given", serial: 100, files, ...change }), key);
  }

  /** Starts the agent anew, with a place to ask that has these octets. */
  async function givenTo(octets: Uint8Array): Promise<AgentProcess> {
    await blank?.close();
    writeFileSync(file, octets);
    const publicKeys = [lan.laptop, lan.stranger].map((host) =>
      readFileSync(join(host.home, "operator.pub"), "utf8").trim(),
    );
    const medium = lan.file("pilotlight.yaml", JSON.stringify({ trust: publicKeys }));
    const url = `http://${LAN.stranger}:${GIVEN_PORT}/bundle`;
    const options = ["--medium", medium, "--config-url", url];
    blank = blankAgent(lan, 1, "rack-b", stateDir(), ...options);
    await blank.ready();
    return blank;
  }

  function stateDir(): string {
    return join(lan.dir, "state-rack-b");
  }

  /** The agent refuses them by this rule, and says so once. */
  async function refused(octets: Uint8Array, code: string, rule: RegExp): Promise<void> {
    const running = await givenTo(octets);
    const lines = (): readonly string[] =>
      running.stderr.split("\n").filter((line) => line.includes(code));
    await until(
      () => `a refusal: ${running.stderr}`,
      () => lines().length > 0,
      STEP_MS,
    );
    expect(lines()).toEqual([expect.stringMatching(rule)]);
  }

  it(
    "gives it nothing that is for others, cut, expired or of somebody who was revoked",
    async () => {
      const eva = keyOf(lan.laptop);
      const good = bundle({}, eva);
      await refused(good.subarray(0, good.length - 9), "E_BUNDLE", /bundle/);
      const revoked = ["trust", "revoke", keyOf(lan.stranger).publicKey.fingerprint];
      await lan.laptop.done(...revoked, "--state", stateDir());
      const strangers = bundle({}, keyOf(lan.stranger));
      await refused(strangers, "E_BUNDLE_REFUSED", /was revoked on/);
      const others = bundle({ targets: { names: ["rack-a"] } }, eva);
      await refused(others, "E_BUNDLE_REFUSED", /it is for "rack-a", and this agent is "rack-b"/);
      const old = bundle({ expires: NOW_S - 60 }, eva);
      await refused(old, "E_BUNDLE_REFUSED", /it expired on/);
      // However often it asks.
      const asks = given.lines.length;
      await given.saying((lines) => lines.length > asks + 1);
      expect(blank?.stderr.match(/E_BUNDLE_REFUSED/g)).toHaveLength(1);
      expect(blank?.stderr).not.toContain("configuration fetched");
    },
    2 * STEP_MS,
  );

  it(
    "cannot bring back an older one",
    async () => {
      const eva = keyOf(lan.laptop);
      const running = await givenTo(bundle({ serial: 100 }, eva));
      await until(
        () => `the bundle to be taken: ${running.stderr}`,
        () => running.stderr.includes("configuration fetched"),
        STEP_MS,
      );
      const after = await givenTo(bundle({ serial: 99 }, eva));
      await until(
        () => `a refusal: ${after.stderr}`,
        () => /its serial number is 99, and 100 was accepted before/.test(after.stderr),
        STEP_MS,
      );
    },
    STEP_MS,
  );
});
