import { openBundle } from "./bundle/open-bundle.ts";
import { Captures } from "./capture/captures.ts";
import type { Control, RunningAgent } from "./compose.ts";
import type { ConfigKeeper } from "./config/config.ts";
import { createHandlers } from "./control/handlers/all.ts";
import type { AgentParts } from "./control/handlers/parts.ts";
import { LOCAL_METRICS, LOCAL_ROUTES, localRoutes } from "./control/local-routes.ts";
import { NonceDesk } from "./control/nonce-desk.ts";
import { ControlServer } from "./control/server/control-server.ts";
import { Dispatcher } from "./control/server/dispatcher.ts";
import type { Claims, ReadPolicy } from "./control/server/parts.ts";
import { ANSWER, REQUEST } from "./cose/purposes.ts";
import { openSign1, sealSign1 } from "./cose/sign1.ts";
import { AgentError } from "./errors.ts";
import { publicKeyFromOctets } from "./identity/ed25519.ts";
import { openCaptureLane } from "./link/capture-lane.ts";
import { WayBack } from "./link/way-back.ts";

const NS_PER_MS = 1_000_000;

/** The control protocol of an agent: on the network, and on the socket of its host. */
export async function openControl(agent: RunningAgent, port: number): Promise<Control> {
  const { identity, trust, clock, crash, version, counters } = agent;
  const counted = (): Readonly<Record<string, number>> => ({
    ...Object.fromEntries(counters.entries()),
    ...server.counters(),
  });
  const dispatcher = new Dispatcher({
    handlers: createHandlers({ ...(await handlerParts(agent)), counters: counted }),
    identity,
    trust,
    signatures: {
      openRequest: (octets) => openSign1(octets, REQUEST),
      sealAnswer: (payload) => sealSign1(payload, identity.key, ANSWER),
    },
    nonces: new NonceDesk(() => clock.now()),
    claims: agent.claim ?? NO_CLAIMS,
    readPolicy: () => readPolicy(agent),
    names: agent.hostNames,
    version,
    refused: (code) => counters.add("control", code),
    crash,
  });
  const routes = localRoutes(dispatcher);
  const wayBack = new WayBack(clock);
  let interfaces: ReadonlySet<string> = new Set();
  const admits = (peer: string): boolean => {
    const by = wayBack.interfaceOf(peer);
    return by === undefined || interfaces.has(by);
  };
  const server = new ControlServer({ dispatcher, identity, clock, port, admits, crash });
  return {
    port,
    local: { [LOCAL_ROUTES]: routes, [LOCAL_METRICS]: routes },
    async listen(addresses) {
      interfaces = new Set(addresses.map((a) => a.interface));
      const failed = await server.listenOn(addresses.map(({ address }) => address));
      const [first] = failed.values();
      if (first) throw first;
    },
    stop: () => server.close(),
  };
}

async function handlerParts(agent: RunningAgent): Promise<AgentParts> {
  const { identity, name, version, board, trust, clock, journal, log, wallMs, stateDir } = agent;
  const { health, siteFile, running, search, interfaces, news, restart, config } = agent;
  const captures = await Captures.create({
    stateDir,
    openLane: openCaptureLane,
    clock,
    wallNs: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * NS_PER_MS)),
    journal,
  });
  return {
    identity,
    name: { current: () => name.current, rename: (to) => agent.rename(to) },
    version,
    board,
    trust,
    publicKey: publicKeyFromOctets,
    config: config ?? NO_CONFIG,
    bundles: {
      open: openBundle,
      changes: async (from, to) => {
        if (!config) return [];
        const known = (serial: number): boolean =>
          config.history().some((bundle) => bundle.serial === serial);
        return from && known(from.bundle.serial) && known(to.bundle.serial)
          ? await config.compare(from.bundle.serial, to.bundle.serial)
          : (await config.preview(to.octets)).changes;
      },
    },
    siteFile,
    running,
    situation: () => health.now,
    search,
    interfaces,
    journal,
    log,
    captures,
    news,
    clock,
    wallMs,
    startedMs: Date.parse(agent.startedAt),
    // What is answered has to be on its way first.
    restart: () => void clock.after(RESTART_MS, restart),
  };
}

/** For the answer to leave, ms. */
const RESTART_MS = 200;

function readPolicy({ management, readToken }: RunningAgent): ReadPolicy {
  const { read } = management();
  if (read !== "token") return { kind: read };
  const token = readToken();
  return token === undefined ? { kind: "signed" } : { kind: "token", token };
}

const NO_CLAIMS: Claims = {
  claim: () => Promise.reject(new AgentError("E_CLAIM", "this agent takes no claims")),
};

function fromFile(): AgentError {
  return new AgentError("E_CONFIG", "this agent runs a local site file, and takes no other", {
    cure: "Change that file on the agent's host, or start the agent without --site.",
  });
}

/** Of an agent with a site file: it has no bundles. */
const NO_CONFIG: ConfigKeeper = {
  current: undefined,
  probation: undefined,
  apply: () => Promise.reject(fromFile()),
  validate: () => Promise.reject(fromFile()),
  confirm: () => Promise.reject(fromFile()),
  rollback: () => Promise.reject(fromFile()),
  history: () => [],
  octetsOf: () => undefined,
};
