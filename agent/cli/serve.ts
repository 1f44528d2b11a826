import { setFlagsFromString } from "node:v8";
import { Command, Option } from "commander";
import { BOARDS } from "../../boards/all.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { type Agent, startAgent } from "../agent.ts";
import { nodeHost } from "../boards/node-host.ts";
import { type RecognisedBoard, recogniseBoard } from "../boards/recognise.ts";
import { AgentError } from "../errors.ts";
import { InheritedSockets } from "../link/systemd.ts";
import { Journal } from "../log/journal.ts";
import { createLogger, LOG_LEVELS, type LogFormat, type LogLevel } from "../log/logger.ts";
import { timelineLine } from "../log/timeline.ts";
import { loadSite } from "../site/load.ts";
import { stateFolderForAgent } from "../state/state-folder.ts";
import type { CommandHost } from "./host.ts";
import { keepHeapSmall } from "./small-heap.ts";
import { packageVersion } from "./version.ts";

/** Below this the young generation, which would grow to 48 MiB under load, is too large a part of the heap. */
const AMPLE_HEAP_MIB = 256;

interface ServeOptions {
  readonly site: string;
  readonly interface?: string;
  readonly board?: string;
  readonly state?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly json?: boolean;
}

/** `pilotlight serve`: runs the agent in the foreground until SIGTERM or SIGINT. */
export function serveCommand(host: CommandHost): Command {
  return new Command("serve")
    .description("Answer the machines of a site until stopped.")
    .requiredOption("--site <file>", "the site file")
    .option("--interface <name>", "the rack's interface, if the site does not name it")
    .option("--board <id>", "the board this runs on, if it is not recognised")
    .option("--state <dir>", "where the cache is kept (default: /var/lib/pilotlight)")
    .addOption(
      new Option("--log-level <level>", "least important line to log")
        .choices(LOG_LEVELS)
        .default("info"),
    )
    .addOption(
      new Option("--log-format <format>", "how log lines look")
        .choices(["text", "json"])
        .default("text"),
    )
    .option("--json", "print the boot journal to standard output, one JSON object a line")
    .addHelpText("after", "\nExample:\n  sudo pilotlight serve --site site.yaml --interface eth0")
    .action((options: ServeOptions) => serve(options, host));
}

async function serve(options: ServeOptions, host: CommandHost): Promise<void> {
  const log = createLogger(options.logLevel, options.logFormat, (line) => host.stderr.write(line));
  const site = await loadSite(options.site);
  const interfaceName = options.interface ?? site.network.interface;
  if (interfaceName === undefined) {
    throw new AgentError(
      "E_USAGE",
      "no interface: the site names none, and --interface is not given",
    );
  }
  const { STATE_DIRECTORY: fromSystemd } = host.env;
  const stateDir = stateFolderForAgent({ option: options.state, fromSystemd });
  const recognised = recogniseBoard(BOARDS, nodeHost(), options.board);
  const { board, budgets } = recognised;
  setFlagsFromString(`--max-old-space-size=${budgets.heapMiB}`);
  if (budgets.heapMiB < AMPLE_HEAP_MIB) keepHeapSmall();
  log.info(boardLine(recognised));
  const journal = new Journal(budgets.journalEntries, Date.now);
  if (options.json) {
    journal.follow((entry) => {
      host.stdout.write(`${JSON.stringify(entry)}\n`);
      // Not a machine's affair but the operator's: it belongs where the operator looks.
      const { protocol, outcome } = entry;
      if (protocol === "assets" && (outcome === "failed" || outcome === "refused")) {
        log.warn(`${entry.event}: ${entry.decision}`);
      }
    });
  } else {
    journal.follow((entry) => {
      if (entry.outcome !== "progress" && log.isLevelEnabled("info")) {
        host.stderr.write(`${timelineLine(entry)}\n`);
      }
    });
  }
  const inherited = InheritedSockets.fromEnvironment(host.env, host.pid);
  let agent: Agent | undefined;
  let stopping = false;
  const stop = (): void => {
    stopping = true;
    log.info("stopping");
    // Before it is ready there is nothing to stop yet: then it stops as soon as it is.
    agent?.stop().then(() => host.exit(0));
  };
  host.onStopSignal(stop);
  agent = await startAgent({
    site,
    budgets,
    interfaceName,
    inherited,
    journal,
    log,
    stateDir,
    version: packageVersion(),
    variables: host.env,
    // What is thrown here nobody catches: the process ends with a stack trace, and its supervisor starts another.
    crash: (bug) =>
      setImmediate(() => {
        throw bug;
      }),
  });
  if (stopping) {
    await agent.stop();
    host.exit(0);
    return;
  }
  const machines = site.machines.length === 1 ? "1 machine" : `${site.machines.length} machines`;
  log.info(
    `ready: site ${site.name} on ${interfaceName} as ${formatIpv4(site.network.address)}, ${machines}, board ${board.id}`,
  );
}

/** "board generic-x64 (no device tree; processor x64): heap 256 MiB, file chunks 128 MiB, 64 transfers at once". */
function boardLine({ board, evidence, budgets }: RecognisedBoard): string {
  const { heapMiB, chunkCacheMiB, transfers } = budgets;
  return `board ${board.id} (${evidence}): heap ${heapMiB} MiB, file chunks ${chunkCacheMiB} MiB, ${transfers} transfers at once`;
}
