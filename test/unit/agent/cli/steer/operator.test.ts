import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { OperatorRecord } from "../../../../../agent/control/messages.ts";
import { generateKey } from "../../../../../agent/identity/ed25519.ts";
import { formatPublicKey } from "../../../../../agent/identity/public-key-text.ts";
import { FakeAgent, type FakeHandlers } from "../../../../support/fake-agent.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { Desk, json } from "./run.ts";

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

describe("keygen", () => {
  it("makes a key, and shows the line for others", async () => {
    const run = await desk.run("keygen", "--name", "eva@laptop");
    expect([run.status, run.stderr]).toEqual([0, ""]);
    const line = readFileSync(path.join(desk.home, "operator.pub"), "utf8").trim();
    expect(line).toMatch(/^pilotlight-ed25519 [A-Za-z0-9+/]{43}= eva@laptop$/);
    expect(run.stdout).toContain(line);
    expect(statSync(path.join(desk.home, "operator.key")).mode & 0o777).toBe(0o600);
    expect((await desk.run("keygen")).error?.code).toBe("E_KEY");
    const forced = json(await desk.run("keygen", "--force", "--json", "--name", "eva"));
    expect(forced).toMatchObject({
      name: "eva",
      fingerprint: expect.stringMatching(/^[a-z2-7]{52}$/),
    });
  });

  it("protects it with a passphrase, which is asked for twice", async () => {
    desk.answers.push("sesame", "sesame");
    expect((await desk.run("keygen", "--passphrase")).status).toBe(0);
    expect(readFileSync(path.join(desk.home, "operator.key"), "utf8")).toContain("ENCRYPTED");
    const other = new Desk();
    other.answers.push("sesame", "simsim");
    expect((await other.run("keygen", "--passphrase")).error?.message).toContain("differ");
    expect((await other.run("keygen", "--passphrase")).error?.cure).toContain("PASSPHRASE_FILE");
    expect(existsSync(path.join(other.home, "operator.key"))).toBe(false);
  });

  it("puts it into another folder, and refuses a name that nobody could print", async () => {
    const dir = path.join(tempDir(), "keys");
    expect((await desk.run("keygen", "--out", dir)).status).toBe(0);
    expect(existsSync(path.join(dir, "operator.key"))).toBe(true);
    const run = await desk.run("keygen", "--name", "\u001b[2J");
    expect([run.status, run.error?.code]).toEqual([2, "E_USAGE"]);
  });
});

describe("claim", () => {
  it("makes the operator the first one, and believes the agent that knows the code", async () => {
    await desk.run("keygen", "--name", "eva@laptop");
    const trusted = new Set<string>();
    const agent = await FakeAgent.open({ claimCode: "abcdefghijklmnop", trusted });
    const run = await desk.run("claim", agent.address, "ABCD-EFGH-IJKL-MNOP");
    expect([run.error, run.status]).toEqual([undefined, 0]);
    expect(run.stdout).toBe("rack7 is yours: it knows you as eva@laptop.\n");
    expect(trusted.size).toBe(1);
    expect(json(await desk.run("identity", "rack7", "--json")).fingerprint).toBe(agent.fingerprint);
  });

  it("neither tells nor believes anything where the code is wrong", async () => {
    await desk.run("keygen");
    const agent = await FakeAgent.open({ claimCode: "abcdefghijklmnop" });
    const run = await desk.run("claim", agent.address, "AAAA-BBBB-CCCC-DDDD");
    expect([run.status, run.error?.code]).toEqual([1, "E_CLAIM"]);
    expect(existsSync(path.join(desk.home, "known-agents.yaml"))).toBe(false);
    expect((await desk.run("claim", agent.address, "AAAA-BBBB")).status).toBe(2);
  });

  it("finds out who only passes for the agent", async () => {
    await desk.run("keygen");
    const { encodeCbor } = await import("../../../../../agent/control/cbor.ts");
    const agent = await FakeAgent.open({
      wrong: ({ url }, response) => {
        if (url !== "/v1/claim") return false;
        response.writeHead(200, { "content-type": "application/cbor" });
        response.end(encodeCbor({ proof: new Uint8Array(32), operator: {} }));
        return true;
      },
    });
    const run = await desk.run("claim", agent.address, "AAAA-BBBB-CCCC-DDDD");
    expect([run.error?.code, run.error?.message]).toEqual([
      "E_CLAIM",
      expect.stringContaining("does not know its own code"),
    ]);
    expect(existsSync(path.join(desk.home, "known-agents.yaml"))).toBe(false);
  });

  it("wants a key first", async () => {
    const run = await desk.run("claim", "127.0.0.1:1", "AAAA-BBBB-CCCC-DDDD");
    expect([run.error?.code, run.error?.cure]).toEqual([
      "E_KEY",
      expect.stringContaining("keygen"),
    ]);
  });
});

/** An agent that keeps a list of operators. */
function trustHandlers(operators: OperatorRecord[]): FakeHandlers {
  return {
    "trust.list": () => ({ operators }),
    "trust.add": ({ name, publicKey }, by = "local") => {
      const added = {
        name,
        publicKey,
        fingerprint: `${"q".repeat(51)}a`,
        since: "2026-11-21T13:00:00Z",
        origin: by,
      };
      operators.push(added);
      return added;
    },
    "trust.revoke": ({ fingerprint }) => {
      const i = operators.findIndex((o) => o.fingerprint === fingerprint);
      const revoked = { ...(operators[i] as OperatorRecord), revoked: "2026-11-22T13:00:00Z" };
      operators[i] = revoked;
      return revoked;
    },
  };
}

describe("trust", () => {
  it("adds the keys of a file, lists them, and revokes one by its name", async () => {
    await desk.run("keygen", "--name", "eva");
    const operators: OperatorRecord[] = [];
    const agent = await FakeAgent.open({ trusted: new Set(), handlers: trustHandlers(operators) });
    await desk.meet(agent);
    const line = formatPublicKey({ key: generateKey().publicKey, name: "max@desk" });
    const file = path.join(tempDir({ "max.pub": `${line}\n` }), "max.pub");
    const added = await desk.run("trust", "add", "rack7", file);
    expect([added.error, added.stdout]).toEqual([
      undefined,
      "rack7: max@desk (qqqq-qqqq-qqqq-qqqq) is trusted.\n",
    ]);
    const list = await desk.run("trust", "list", "rack7");
    expect(list.stdout).toMatch(
      /^NAME +KEY +SINCE +BY\nmax@desk +qqqq-qqqq-qqqq-qqqq +2026-11-21 /,
    );
    expect((await desk.run("trust", "revoke", "rack7", "moritz")).error).toMatchObject({
      code: "E_TRUST",
      cure: expect.stringContaining("max@desk (qqqq-"),
    });
    expect((await desk.run("trust", "revoke", "rack7", "max@desk")).stdout).toContain(
      "not trusted any more",
    );
    expect((await desk.run("trust", "list", "rack7")).stdout).toContain("revoked 2026-11-22");
    expect((await desk.run("trust", "add", "rack7", "ssh-ed25519 AAAA")).error?.code).toBe("E_KEY");
    expect((await desk.run("trust", "add")).status).toBe(2);
  });

  it("writes octets as base64url into JSON", async () => {
    const key = generateKey().publicKey;
    const record = {
      name: "eva",
      publicKey: key.octets,
      fingerprint: key.fingerprint,
      since: "x",
      origin: "claim",
    };
    const agent = await FakeAgent.open({ handlers: trustHandlers([record]) });
    const run = await desk.run("trust", "list", agent.address, "--json");
    expect(json(run)).toMatchObject({
      operators: [{ publicKey: Buffer.from(key.octets).toString("base64url") }],
    });
  });

  it("forgets an agent, whose next key is believed", async () => {
    const agent = await FakeAgent.open();
    await desk.meet(agent);
    await agent.close();
    const anew = await FakeAgent.open({ port: agent.port });
    const shout = await desk.run("identity", "rack7");
    expect([shout.status, shout.error?.code]).toEqual([1, "E_IDENTITY"]);
    expect(shout.error?.cure).toContain("pilotlight trust forget rack7");
    expect((await desk.run("trust", "forget", "rack8")).error?.cure).toBe('Did you mean "rack7"?');
    expect((await desk.run("trust", "forget", "rack7")).status).toBe(0);
    const run = await desk.run("identity", anew.address);
    expect(run.stderr.replaceAll(/\n */g, " ")).toContain("met for the first time");
    expect(run.stdout).toContain(anew.fingerprint.slice(0, 4));
  });
});

describe("identity", () => {
  it("is the operator's own where no agent is named and none runs", async () => {
    expect((await desk.run("identity")).status).toBe(2);
    await desk.run("keygen", "--name", "eva");
    const run = await desk.run("identity");
    expect(run.stdout).toMatch(/^You are eva {2}[a-z2-7]{4}-/);
  });

  it("renames an agent", async () => {
    await desk.run("keygen");
    const agent: FakeAgent = await FakeAgent.open({
      trusted: new Set(),
      handlers: {
        "identity.rename": ({ name }) => ({
          name,
          publicKey: agent.key.publicKey.octets,
          fingerprint: agent.fingerprint,
          version: "0.1.0",
          board: "generic-x86",
          protocol: 1,
          claimable: false,
        }),
      },
    });
    await desk.meet(agent);
    expect((await desk.run("identity", "rack7", "--rename", "rack8")).stdout).toMatch(/^rack8 /);
  });
});
