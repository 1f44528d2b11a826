// node steered-agent.mjs STATE
//
// The agent of the product without a site file, steered by lines of JSON on standard input instead of the network, with bundles
// that nobody signed: what it says of itself goes to standard output, a line of JSON each, its log to standard error.
import { createInterface } from "node:readline";
import { startAgent } from "../../dist/agent/agent.js";
import { InheritedSockets } from "../../dist/agent/link/systemd.js";
import { Journal } from "../../dist/agent/log/journal.js";
import { createLogger } from "../../dist/agent/log/logger.js";
import { BOARDS } from "../../dist/boards/all.js";
import { plainTools } from "./plain-bundles.mjs";

const [stateDir] = process.argv.slice(2);
const board = BOARDS.find(({ id }) => id === "generic-x64");
const caller = { kind: "local" };
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

let steered;
const parts = {
  openIdentity: async () => ({ key: { publicKey: { fingerprint: "abcdefgh".repeat(7) } } }),
  openTrust: () => ({ unclaimed: true, list: () => [], find: () => undefined }),
  openClaimDesk: async () => ({ code: "ABCD-EFGH-JKLM-NPQR", closeIfClaimed: async () => {} }),
  openBundles: async () => ({ tools: plainTools, stop: () => {} }),
  siteChanges: (_, next) => [next.name],
  async openControl(agent, port) {
    steered = agent;
    return {
      port,
      local: {},
      listen: async (addresses) => say({ listen: addresses.map((a) => a.address) }),
      stop: async () => {},
    };
  },
  async openAnnouncer(_, announcement) {
    const update = ({ state, site }) => say({ announced: { state, site } });
    update(announcement);
    return { update, stop: async () => say({ goodbye: true }) };
  },
};

const commands = {
  async apply({ serial, text, probationMs, fetched }) {
    const octets = Buffer.from(JSON.stringify({ serial, text }));
    const source = fetched ? { kind: "fetched", where: "somewhere" } : { kind: "push", caller };
    return await steered.config.apply(octets, source, probationMs);
  },
  confirm: async ({ serial }) => await steered.config.confirm(serial, caller),
  rollback: async () => await steered.config.rollback(undefined, caller),
  async status() {
    const { config, health, interfaces, management } = steered;
    return {
      ...health.now,
      history: config.history(),
      interfaces: interfaces(),
      management: management(),
    };
  },
};

const log = createLogger("info", "text", (line) => process.stderr.write(line));
const crash = (bug) =>
  setImmediate(() => {
    throw bug;
  });
const agent = await startAgent({
  site: undefined,
  budgets: board.budgets,
  board: board.id,
  interfaceName: undefined,
  management: undefined,
  controlPort: 7458,
  name: undefined,
  hostName: "gateway",
  configUrl: undefined,
  medium: undefined,
  inherited: InheritedSockets.none(),
  journal: new Journal(1_000, Date.now),
  log,
  stateDir,
  version: "0.0.0",
  variables: {},
  parts,
  restart: () => {},
  crash,
});
log.info(`ready: ${agent.summary}`);
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...args } = JSON.parse(line);
  try {
    say({ done: command, result: (await commands[command](args)) ?? null });
  } catch (error) {
    say({ done: command, error: { code: error.code, message: error.message } });
  }
}
await agent.stop();
process.exit(0);
