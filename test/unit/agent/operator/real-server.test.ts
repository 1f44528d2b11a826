import path from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { encodeCbor } from "../../../../agent/control/cbor.ts";
import { LOCAL_ROUTES, localRoutes } from "../../../../agent/control/local-routes.ts";
import { openLocalSocket } from "../../../../agent/control/local-socket.ts";
import type { AgentIdentity, VerbName } from "../../../../agent/control/messages.ts";
import { NonceDesk } from "../../../../agent/control/nonce-desk.ts";
import { ControlServer } from "../../../../agent/control/server/control-server.ts";
import { Dispatcher } from "../../../../agent/control/server/dispatcher.ts";
import type { ReadPolicy } from "../../../../agent/control/server/parts.ts";
import { VERBS } from "../../../../agent/control/verbs.ts";
import { ANSWER, REQUEST } from "../../../../agent/cose/purposes.ts";
import { openSign1, sealSign1 } from "../../../../agent/cose/sign1.ts";
import { makeCertificate } from "../../../../agent/identity/certificate.ts";
import { type ClaimDesk, openClaimDesk } from "../../../../agent/identity/claim-desk.ts";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { openTrust } from "../../../../agent/identity/open-trust.ts";
import type { Trust } from "../../../../agent/identity/trust.ts";
import { systemClock } from "../../../../agent/link/clock.ts";
import { AgentClient } from "../../../../agent/operator/agent-client.ts";
import type { AgentConnection } from "../../../../agent/operator/connection.ts";
import { LocalAgent } from "../../../../agent/operator/local-agent.ts";
import { openDatabase } from "../../../../agent/state/database.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { type AskedOf, fakeHandlers } from "../../../support/control/fake-handlers.ts";
import { SAMPLES, VERB_NAMES } from "../../../support/control/samples.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { Desk } from "../cli/steer/run.ts";

const AGENT = generateKey();
const EVA = generateKey();
let certificate: ReturnType<typeof makeCertificate> | undefined;
const IDENTITY: AgentIdentity = {
  name: "rack7",
  publicKey: AGENT.publicKey.octets,
  fingerprint: AGENT.publicKey.fingerprint,
  version: "0.1.0",
  board: "generic-x86",
  protocol: 1,
  claimable: true,
};

let port: number;
let stateDir: string;
let trust: Trust;
let claims: ClaimDesk;
let policy: ReadPolicy;
let asked: AskedOf[];
let clock: FakeClock;

/** The product's own server, with its trust, claims and signatures; only what verbs do is made up. */
beforeEach(async () => {
  stateDir = tempDir();
  const database = openDatabase({ dir: path.join(stateDir, "db") });
  onTestFinished(() => database.close());
  trust = openTrust(database, Date.now);
  const { fingerprint } = AGENT.publicKey;
  clock = new FakeClock();
  claims = await openClaimDesk({ stateDir, trust, fingerprint, clock });
  policy = { kind: "open" };
  const made = fakeHandlers({ "identity.get": () => Promise.resolve(IDENTITY) });
  asked = made.asked;
  certificate ??= makeCertificate(AGENT);
  const identity = { key: AGENT, ...(await certificate) };
  const crash = (bug: unknown): void => {
    throw bug;
  };
  const dispatcher = new Dispatcher({
    handlers: made.handlers,
    identity,
    trust,
    claims,
    signatures: {
      openRequest: (octets) => openSign1(octets, REQUEST),
      sealAnswer: (payload) => sealSign1(payload, AGENT, ANSWER),
    },
    nonces: new NonceDesk(systemClock.now),
    readPolicy: () => policy,
    names: () => [],
    version: "0.1.0",
    crash,
  });
  const server = new ControlServer({ dispatcher, identity, clock: systemClock, port: 0, crash });
  await server.listenOn(["127.0.0.1"]);
  onTestFinished(() => server.close());
  port = server.addresses()[0]?.port ?? 0;
  const routes = { [LOCAL_ROUTES]: localRoutes(dispatcher) };
  const socket = await openLocalSocket({ stateDir, routes, crash });
  onTestFinished(() => socket.close());
});

async function remote(): Promise<AgentClient> {
  const client = await AgentClient.connect({
    host: "127.0.0.1",
    port,
    expect: AGENT.publicKey.fingerprint,
    key: () => Promise.resolve(EVA),
  });
  onTestFinished(() => client.close());
  return client;
}

async function local(): Promise<AgentConnection> {
  const agent = await LocalAgent.connect(stateDir);
  if (!agent) throw new Error("no agent there");
  onTestFinished(() => agent.close());
  return agent;
}

/** The first result of a verb. */
async function first(agent: AgentConnection, verb: VerbName, args: object): Promise<unknown> {
  if (!VERBS[verb].stream) return await agent.call(verb, args as never);
  const stop = new AbortController();
  for await (const item of agent.stream(verb, args as never, stop.signal)) {
    stop.abort();
    return item;
  }
  return undefined;
}

describe.each([
  ["over the network", remote],
  ["on the agent's host", local],
] as const)("an agent that is steered %s", (_, connect) => {
  it.each(VERB_NAMES.filter((verb) => verb !== "identity.get"))("does %s", async (verb) => {
    await trust.add("eva", EVA.publicKey, { by: "local" });
    const agent = await connect();
    const { args, results } = SAMPLES[verb];
    for (const each of args) {
      expect(encodeCbor(await first(agent, verb, each))).toEqual(encodeCbor(results[0]));
      expect(asked.at(-1)).toMatchObject({ verb });
      expect(encodeCbor(asked.at(-1)?.args)).toEqual(encodeCbor(each));
    }
  });
});

describe("an agent that is read over the network", () => {
  const reads = VERB_NAMES.filter((v) => VERBS[v].path !== undefined && !VERBS[v].stream);

  it.each(reads.filter((verb) => verb !== "identity.get"))("tells %s", async (verb) => {
    const isPrivate = VERBS[verb].access === "private";
    if (isPrivate) await trust.add("eva", EVA.publicKey, { by: "local" });
    const kind = isPrivate ? "operator" : "reader";
    const agent = await remote();
    const { args, results } = SAMPLES[verb];
    for (const each of args) {
      expect(encodeCbor(await agent.get(verb, each as never))).toEqual(encodeCbor(results[0]));
      expect(asked.at(-1)).toMatchObject({ verb, asked: { caller: { kind } } });
    }
  });

  it("tells strangers nothing that is private", async () => {
    const agent = await remote();
    await rejection("E_FORBIDDEN", agent.get("site.get", {}));
    await rejection("E_FORBIDDEN", agent.get("site.history", {}));
    expect(asked.map(({ verb }) => verb)).toEqual(["identity.get"]);
  });

  it("tells operators alone what is not for everybody", async () => {
    policy = { kind: "signed" };
    const agent = await remote();
    await rejection("E_FORBIDDEN", agent.get("status.get", {}));
    await trust.add("eva", EVA.publicKey, { by: "local" });
    await agent.get("status.get", {});
    expect(asked.at(-1)).toMatchObject({ asked: { caller: { kind: "operator" } } });
    await first(agent, "events.follow", {});
    expect(asked.at(-1)).toMatchObject({ asked: { caller: { kind: "operator" } } });
  });

  it("does nothing for a key that it does not trust", async () => {
    await trust.add("max", generateKey().publicKey, { by: "local" });
    const agent = await remote();
    const error = await rejection("E_FORBIDDEN", agent.call("agent.restart", {}));
    expect(error.message).toContain("is not trusted here");
    await rejection("E_FORBIDDEN", first(agent, "capture.get", { id: "1" }));
    expect(asked).toMatchObject([{ verb: "identity.get" }]);
  });
});

describe("an agent that nobody has claimed", () => {
  it("is claimed by its code, once", async () => {
    const eva = new Desk();
    await eva.run("keygen", "--name", "eva@laptop");
    const code = claims.code ?? "";
    const at = `127.0.0.1:${port}`;
    const wrong = await eva.run("claim", at, "aaaa-bbbb-cccc-dddd");
    expect(wrong.error?.code).toBe("E_CLAIM");
    // A second has to pass before another code is looked at.
    const pauses: number[] = [];
    eva.pause = (ms) => {
      pauses.push(ms);
      clock.advance(ms / 2);
      return Promise.resolve();
    };
    const run = await eva.run("claim", at, code);
    expect(pauses).toEqual([1_100, 1_100]);
    expect([run.error, run.stdout]).toEqual([
      undefined,
      "rack7 is yours: it knows you as eva@laptop.\n",
    ]);
    expect(trust.list()).toMatchObject([{ name: "eva@laptop", origin: { by: "claim" } }]);
    expect((await eva.run("hold", "v100", "--agent", "rack7")).status).toBe(0);
    const max = new Desk();
    await max.run("keygen");
    expect((await max.run("claim", at, code)).error?.code).toBe("E_CLAIM");
    expect((await max.run("hold", "v100", "--agent", at)).error?.code).toBe("E_FORBIDDEN");
  });
});
