import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentStatus } from "../../../agent/control/messages.ts";
import type { AgentProcess } from "../../support/agent-process.ts";
import { Mischief } from "./mischief.ts";
import { blankAgent, bootSun, claimCode, LAN, RackLan, Store, siteText } from "./rack-lan.ts";

/* What a stranger on the LAN of a configured agent can do to it. The steps run in this order. */

const STORE_PORT = 8_080;
const CONTROL_PORT = "7458";
const STEP_MS = 90_000;
/** What hostile input may cost of resident memory, octets. */
const MOST_GROWTH = 64 * 1024 * 1024;
const RUBBISH = 1_500;

let lan: RackLan;
let store: Store;
let agent: AgentProcess;
let fingerprint: string;

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

/** What requests of the stranger's give: status, header and body of each. */
function asked(requests: readonly { headers: object; path: string }[]): readonly string[] {
  const at = { host: LAN.agent(0), port: CONTROL_PORT };
  const program = `
    const { get } = require("node:http");
    const ask = (request) => new Promise((resolve) => get({ ...request, ...${JSON.stringify(at)} }, (response) => {
      let body = "";
      response.on("data", (piece) => { body += piece; });
      response.on("end", () => resolve([response.statusCode, JSON.stringify(response.headers), body].join(" ")));
    }));
    (async () => {
      const all = [];
      for (const request of ${JSON.stringify(requests)}) all.push(await ask(request));
      console.log(JSON.stringify(all));
    })();`;
  return JSON.parse(lan.stranger.ns.run(process.execPath, "-e", program)) as readonly string[];
}

describe("a stranger on the LAN", () => {
  it(
    "cannot keep the operator or the rack from the agent by a thousand slow connections",
    async () => {
      const slow = await new Mischief(
        lan.stranger.ns,
        "slow",
        LAN.agent(0),
        CONTROL_PORT,
        "1000",
      ).up();
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
      const rubbish = new Mischief(lan.stranger.ns, "rubbish", LAN.agent(0), CONTROL_PORT, "7");
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
      const path = "/v1/identity";
      expect(asked([{ headers: { Host: address }, path }])[0]).toContain(fingerprint);
      const browsers = [
        { Host: "attacker.example" },
        { Host: `attacker.example:${CONTROL_PORT}` },
        { Host: address, Origin: "http://attacker.example" },
        { Host: address, Origin: "null" },
        { Host: address, "Sec-Fetch-Site": "cross-site" },
        { Host: address, "Sec-Fetch-Site": "same-origin" },
      ];
      const paths = [path, "/v1/status", "/v1/nonce", "/v1"];
      const requests = browsers.flatMap((headers) => paths.map((p) => ({ headers, path: p })));
      for (const [i, said] of asked(requests).entries()) {
        expect([requests[i], said]).toEqual([requests[i], expect.stringMatching(/^403 /)]);
        expect(said).not.toContain(fingerprint);
        expect(said.toLowerCase()).not.toContain("access-control-");
      }
    },
    STEP_MS,
  );

  it(
    "is not taken for it by mDNS, and does not hide it from who has met it",
    async () => {
      const txt = ["txtvers=1", `id=${"q".repeat(52)}`, "state=serving", "proto=1", "board=x"];
      const spoof = await new Mischief(
        lan.stranger.ns,
        "spoof",
        LAN.stranger,
        JSON.stringify(txt),
      ).up();
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
