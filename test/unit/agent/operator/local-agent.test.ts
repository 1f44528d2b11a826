import { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import { decodeCbor, encodeCbor, requestLimits } from "../../../../agent/control/cbor.ts";
import { openLocalSocket } from "../../../../agent/control/local-socket.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { LocalAgent } from "../../../../agent/operator/local-agent.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { Desk, json } from "../cli/steer/run.ts";

const KEY = generateKey().publicKey;
const IDENTITY = {
  name: "rack7",
  publicKey: KEY.octets,
  fingerprint: KEY.fingerprint,
  version: "0.1.0",
  board: "generic-x86",
  protocol: 1,
  claimable: true,
};

/** A socket on which an agent answers `verbs`, and nothing else. */
async function agentOn(
  verbs: Readonly<Record<string, (args: unknown) => unknown>>,
): Promise<string> {
  const stateDir = tempDir();
  const v1 = new Hono();
  v1.post("/call", async (c) => {
    const { verb, args } = decodeCbor(
      new Uint8Array(await c.req.arrayBuffer()),
      requestLimits(65_536),
    ) as { verb: string; args: unknown };
    const body = (value: unknown): Uint8Array<ArrayBuffer> => new Uint8Array(encodeCbor(value));
    const stream = c.req.header("accept") === "application/cbor-seq";
    const type = stream ? "application/cbor-seq" : "application/cbor";
    const answer = verb === "identity.get" ? IDENTITY : verbs[verb]?.(args);
    if (answer instanceof AgentError) {
      const { code, message, cure } = answer;
      return c.body(body({ code, message, cure }), 403, { "content-type": "application/cbor" });
    }
    const octets = stream
      ? new Uint8Array(Buffer.concat((answer as unknown[]).map((item) => encodeCbor(item))))
      : body(answer);
    return c.body(octets, 200, { "content-type": type });
  });
  const socket = await openLocalSocket({ stateDir, routes: { v1 }, crash: () => undefined });
  onTestFinished(() => socket.close());
  return stateDir;
}

async function connect(stateDir: string): Promise<LocalAgent> {
  const agent = await LocalAgent.connect(stateDir);
  if (!agent) throw new Error("no agent there");
  onTestFinished(() => agent.close());
  return agent;
}

describe("LocalAgent", () => {
  it("is asked without a key", async () => {
    const agent = await connect(await agentOn({ "log.level": (args) => args }));
    expect([agent.name, agent.fingerprint]).toEqual(["rack7", KEY.fingerprint]);
    expect(await agent.call("log.level", { level: "debug" })).toEqual({ level: "debug" });
  });

  it("is undefined where none runs", async () => {
    expect(await LocalAgent.connect(tempDir())).toBeUndefined();
  });

  it("tells what the agent says no to, and what it cannot mean", async () => {
    const no = new AgentError("E_CONFIG", "a site file was given", { cure: "Take it away." });
    const stateDir = await agentOn({ "site.rollback": () => no, "status.get": () => 7 });
    const agent = await connect(stateDir);
    await expect(agent.call("site.rollback", {})).rejects.toMatchObject({
      code: "E_CONFIG",
      message: "the agent on this host: a site file was given",
      cure: "Take it away.",
    });
    await expect(agent.get("status.get", {})).rejects.toMatchObject({ code: "E_PROTOCOL" });
  });

  it("follows a stream to its end, or the error in it", async () => {
    const alive = { type: "alive", time: "2026-11-21T13:00:00.000Z" };
    const error = { error: { code: "E_BUSY", message: "too many", cure: "Later." } };
    const agent = await connect(await agentOn({ "events.follow": () => [alive, alive, error] }));
    const got: unknown[] = [];
    const read = async (): Promise<void> => {
      const { signal } = new AbortController();
      for await (const event of agent.stream("events.follow", {}, signal)) got.push(event);
    };
    await expect(read()).rejects.toMatchObject({ code: "E_BUSY" });
    expect(got).toEqual([alive, alive]);
  });
});

describe("commands with --state", () => {
  it("reach the agent on this host, with the arguments that are left", async () => {
    const operator = {
      name: "eva",
      publicKey: KEY.octets,
      fingerprint: KEY.fingerprint,
      since: "x",
      origin: "local",
    };
    const state = await agentOn({
      "log.level": (args) => args,
      "trust.add": () => operator,
      "agent.restart": () => ({}),
    });
    const desk = new Desk();
    expect((await desk.run("loglevel", "debug", "--state", state)).stdout).toBe(
      "rack7 logs at level debug.\n",
    );
    const line = `pilotlight-ed25519 ${Buffer.from(KEY.octets).toString("base64")} eva`;
    expect((await desk.run("trust", "add", line, "--state", state)).stdout).toContain(
      "rack7: eva (",
    );
    expect((await desk.run("restart", "--state", state)).status).toBe(0);
    expect(json(await desk.run("identity", "--state", state, "--json")).fingerprint).toBe(
      KEY.fingerprint,
    );
    expect((await desk.run("restart", "rack8", "--state", state)).status).toBe(2);
    expect((await desk.run("loglevel", "rack8", "debug", "--state", state)).status).toBe(2);
    const nowhere = await desk.run("restart", "--state", tempDir());
    expect([nowhere.status, nowhere.error?.code]).toEqual([1, "E_UNREACHABLE"]);
  });

  it("are for the agent that the service manager names, where none is named", async () => {
    const desk = new Desk();
    desk.env = { STATE_DIRECTORY: await agentOn({ "agent.restart": () => ({}) }) };
    expect((await desk.run("restart")).stdout).toBe("rack7 starts again.\n");
  });
});
