import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sealBundle } from "../../../agent/bundle/seal-bundle.ts";
import type { BundleRecord } from "../../../agent/control/messages.ts";
import { LocalAgent } from "../../../agent/operator/local-agent.ts";
import { AgentProcess } from "../../support/agent-process.ts";
import { bundleOf } from "../../support/bundles.ts";
import { Namespace } from "../../support/netns.ts";
import { EVA } from "../../support/operator-keys.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { until } from "../../support/until.ts";
import { atTime } from "../support/fake-time.ts";

/* The table of docs/security.md, "The time". This software was made on 2026-11-01 at the earliest. */

const IN_1970 = "1970-01-01 00:00:30";
const IN_2999 = "2999-01-01 00:00:00";
const DECEMBER = "2026-12-01 12:00:00";

let ns: Namespace;
let far: Namespace;
let state: string;
let medium: string;
let agent: AgentProcess | undefined;

beforeEach(async () => {
  ns = await Namespace.create();
  far = await Namespace.create(ns);
  ns.connect("rack0", far, "machine");
  ns.run("ip", "addr", "add", "172.24.42.150/24", "brd", "+", "dev", "rack0");
  state = tempDir();
  const line = `pilotlight-ed25519 ${Buffer.from(EVA.publicKey.octets).toString("base64")} eva`;
  medium = `${tempDir({ "pilotlight.yaml": JSON.stringify({ trust: [line] }) })}/pilotlight.yaml`;
});

afterEach(async () => {
  await agent?.close();
  await far.close();
  await ns.close();
});

/** Starts the agent, anew if it runs, when the host's clock says this. */
async function startAt(time: string): Promise<void> {
  await agent?.close();
  const options = ["--state", state, "--management", "none", "--medium", medium];
  agent = AgentProcess.start(ns, ["serve", "--json", ...options], atTime(time));
  await agent.ready();
}

async function onSocket<T>(work: (local: LocalAgent) => Promise<T>): Promise<T> {
  const local = await LocalAgent.connect(state);
  if (!local) throw new Error(`nobody is on the socket: ${agent?.stderr}`);
  try {
    return await work(local);
  } finally {
    local.close();
  }
}

function seconds(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / 1_000;
}

/** Pushes and confirms a bundle with these dates. */
async function push(
  serial: number,
  { notBefore, expires }: { readonly notBefore?: string; readonly expires?: string },
): Promise<BundleRecord> {
  const text = "site: dated\nnetwork: { interface: rack0, address: 172.24.42.150/24 }\n";
  const octets = sealBundle(
    bundleOf({
      site: "dated",
      serial,
      files: new Map([["site.yaml", Buffer.from(text)]]),
      ...(notBefore === undefined ? {} : { notBefore: seconds(notBefore) }),
      ...(expires === undefined ? {} : { expires: seconds(expires) }),
    }),
    EVA,
  );
  return onSocket(async (local) => {
    const record = await local.call("site.put", { bundle: octets });
    await local.call("site.confirm", { serial });
    return record;
  });
}

describe("an agent whose clock says 1970", () => {
  it("takes what is to come, and what may have expired", async () => {
    await startAt(IN_1970);
    await expect(push(1, { notBefore: "2035-01-01" })).resolves.toMatchObject({ serial: 1 });
    await expect(push(2, { expires: "2026-11-02" })).resolves.toMatchObject({ serial: 2 });
  });

  it("refuses what had expired when this software was made", async () => {
    await startAt(IN_1970);
    await expect(push(1, { expires: "2026-10-01" })).rejects.toMatchObject({
      code: "E_BUNDLE_REFUSED",
      message: expect.stringContaining("as far as is proven, it is at least 2026-11-01"),
    });
  });

  it("refuses what had expired when its clock was last right", async () => {
    await startAt(DECEMBER);
    await until("the time to be noted", () => existsSync(`${state}/time-floor`));
    await startAt(IN_1970);
    await expect(push(1, { expires: "2026-11-15" })).rejects.toMatchObject({
      code: "E_BUNDLE_REFUSED",
      message: expect.stringContaining("as far as is proven, it is at least 2026-12-01"),
    });
  });
});

describe("an agent whose clock says 2999", () => {
  it("takes what is to come, and what has expired by that clock alone", async () => {
    await startAt(IN_2999);
    await expect(push(1, { notBefore: "2999-06-01" })).resolves.toMatchObject({ serial: 1 });
    await expect(push(2, { expires: "2026-12-10" })).resolves.toMatchObject({ serial: 2 });
  });
});

describe("an agent whose clock is plausible", () => {
  it("refuses what is to come, and what has expired", async () => {
    await startAt(DECEMBER);
    await expect(push(1, { notBefore: "2026-12-02" })).rejects.toMatchObject({
      code: "E_BUNDLE_REFUSED",
      message: expect.stringMatching(
        /must not be applied before 2026-12-02 00:00 UTC, and it is 2026-12-01 12:00 UTC/,
      ),
    });
    await expect(push(2, { expires: "2026-12-01" })).rejects.toMatchObject({
      code: "E_BUNDLE_REFUSED",
      message: expect.stringContaining("it expired on 2026-12-01 00:00 UTC, and it is 2026-12-01"),
    });
  });

  it("goes on with a bundle that expires while it runs", async () => {
    await startAt(DECEMBER);
    await push(1, { expires: "2026-12-02" });
    await startAt("2027-01-15 12:00:00");
    const status = await onSocket((local) => local.get("status.get", {}));
    expect(status).toMatchObject({ state: "serving", site: { bundle: { serial: 1 } } });
  });
});
