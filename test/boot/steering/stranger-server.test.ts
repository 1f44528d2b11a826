import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bundle } from "../../../agent/bundle/bundle.ts";
import { sealBundle } from "../../../agent/bundle/seal-bundle.ts";
import { keyFromPem } from "../../../agent/identity/ed25519.ts";
import type { SigningKey } from "../../../agent/identity/keys.ts";
import type { AgentProcess } from "../../support/agent-process.ts";
import { bundleOf } from "../../support/bundles.ts";
import { until } from "../../support/until.ts";
import { Mischief } from "./mischief.ts";
import { blankAgent, type Host, LAN, RackLan } from "./rack-lan.ts";

const GIVEN_PORT = 8_000;
const STEP_MS = 90_000;

function keyOf(host: Host): SigningKey {
  return keyFromPem(readFileSync(join(host.home, "operator.key"), "utf8"));
}

describe("a stranger's server", () => {
  let lan: RackLan;
  const SITE = "site: given\nnetwork: { address: 172.24.42.150/24, interface: rack0 }\n";
  const NOW_S = Math.floor(Date.now() / 1_000);
  let file: string;
  let given: Mischief;
  let blank: AgentProcess | undefined;

  beforeAll(async () => {
    lan = await RackLan.create();
    await lan.laptop.done("keygen");
    await lan.stranger.done("keygen");
    file = lan.file("given.bundle", "");
    given = await new Mischief(lan.stranger.ns, "give", String(GIVEN_PORT), file).up();
  });

  afterAll(async () => {
    await blank?.close();
    await given?.stop();
    await lan?.close();
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
