import path from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { openBundle } from "../../../../../agent/bundle/open-bundle.ts";
import { askYes } from "../../../../../agent/cli/steer/ask-yes.ts";
import { systemSteering } from "../../../../../agent/cli/steer/open-steering.ts";
import { push } from "../../../../../agent/cli/steer/push.ts";
import type { BundleRecord } from "../../../../../agent/control/messages.ts";
import { operatorHome } from "../../../../../agent/operator/home.ts";
import { FakeAgent, type FakeHandlers, statusOf } from "../../../../support/fake-agent.ts";
import { FakeRack } from "../../../../support/fake-rack.ts";
import { EVA } from "../../../../support/operator-keys.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const SITE = `site: large
network: { address: 172.24.42.150/24 }
profiles: { p: { files: { a: { template: a }, b: { template: b }, c: { template: c } } } }
`;

/** An agent that takes one bundle and is on probation with it until it is confirmed. */
function handlers(agent: () => FakeAgent): FakeHandlers {
  let record: BundleRecord | undefined;
  return {
    "status.get": () => {
      const { site: _, ...status } = statusOf(agent());
      if (!record) return { ...status, state: "unconfigured" };
      const { serial, site: name, state } = record;
      const probation = { serial, previous: 0, endsInMs: 20_000 };
      const site = { name, source: "bundle" as const, bundle: record };
      return { ...status, site: state === "probation" ? { ...site, probation } : site };
    },
    "site.history": () => ({ bundles: record ? [record] : [] }),
    "site.validate": ({ bundle: octets }) => {
      const { site, serial } = openBundle(octets).bundle;
      return { site, serial, changes: ["site added: name large"] };
    },
    "site.put": ({ bundle: octets }, by = "") => {
      const { bundle, digest, signer } = openBundle(octets);
      record = {
        ...{ serial: bundle.serial, site: bundle.site, digest, signer, operator: by, changes: [] },
        ...{ source: "push", appliedAt: new Date(0).toISOString(), state: "probation" },
      };
      return record;
    },
    "site.confirm": ({ serial }) => {
      if (record?.serial === serial) record = { ...record, state: "running" };
      return {};
    },
  };
}

describe("systemSteering", () => {
  it("pushes a large site over TLS, signed by the key in the operator's home", async () => {
    const big = "x".repeat(1_000_000);
    const dir = tempDir({ "site.yaml": SITE, a: big, b: `${big}b`, c: `${big}c` });
    const env = { PILOTLIGHT_HOME: path.join(dir, "home") };
    await operatorHome(env).write("operator.key", EVA.toPem());
    const rack = new FakeRack();
    const agent: FakeAgent = await FakeAgent.open({
      trusted: new Set([EVA.publicKey.fingerprint]),
      handlers: handlers(() => agent),
    });
    const parts = { browse: () => Promise.resolve([]) };
    const run = await rack.run((fake) => {
      const steering = systemSteering({ ...fake.host, env }, {}, parts);
      const { clock } = fake;
      return push({ ...steering, clock }, path.join(dir, "site.yaml"), [agent.address], {
        yes: true,
      });
    });
    expect([run.status, run.error]).toEqual([0, undefined]);
    expect(run.stdout).toContain("+ site added: name large");
    expect(run.stdout).toMatch(/rack7 .*runs it/);
    const verbs = agent.done.map(({ verb }) => verb);
    expect(verbs).toContain("site.confirm");
    const put = agent.done.find(({ verb }) => verb === "site.put");
    const { bundle: octets } = (put?.args ?? {}) as { bundle?: Uint8Array };
    const { bundle, signer } = openBundle(octets ?? new Uint8Array());
    expect(bundle.targets).toEqual({ agents: [agent.fingerprint] });
    expect(signer).toBe(EVA.publicKey.fingerprint);
  });

  it("says what to do where there is no key", async () => {
    const dir = tempDir({ "site.yaml": SITE.split("profiles")[0] ?? "" });
    const agent: FakeAgent = await FakeAgent.open({ handlers: handlers(() => agent) });
    const rack = new FakeRack();
    const env = { PILOTLIGHT_HOME: path.join(dir, "home") };
    const run = await rack.run((fake) =>
      push(
        systemSteering({ ...fake.host, env }, {}, { browse: () => Promise.resolve([]) }),
        path.join(dir, "site.yaml"),
        [agent.address],
        {},
      ),
    );
    expect(run.error?.code).toBe("E_KEY");
  });
});

describe("askYes", () => {
  function terminal(): {
    input: PassThrough & { isTTY: true };
    output: PassThrough & { isTTY: true };
  } {
    const tty = () => Object.assign(new PassThrough(), { isTTY: true as const });
    return { input: tty(), output: tty() };
  }

  it.each([
    ["y\n", true],
    ["YES \n", true],
    ["n\n", false],
    ["\n", false],
    ["yesterday\n", false],
  ])("takes %j for %s", async (typed, meant) => {
    const { input, output } = terminal();
    const answer = askYes(input, output, "Push?");
    input.write(typed);
    expect(await answer).toBe(meant);
    expect(String(output.read())).toContain("Push? [y/N] ");
  });

  it("takes the end of the input and Ctrl-C for a no", async () => {
    for (const end of [(i: PassThrough) => i.end(), (i: PassThrough) => void i.write("\x03")]) {
      const { input, output } = terminal();
      const answer = askYes(input, output, "Push?");
      end(input);
      expect(await answer).toBe(false);
    }
  });

  it("asks nothing where there is no terminal", async () => {
    const { input } = terminal();
    expect(await askYes(input, new PassThrough(), "Push?")).toBeUndefined();
    expect(await askYes(new PassThrough(), terminal().output, "Push?")).toBeUndefined();
  });
});
