import { hostname } from "node:os";
import { setFlagsFromString } from "node:v8";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Logger } from "pino";
import { BOARDS } from "../../boards/all.ts";
import { type Agent, startAgent } from "../agent.ts";
import { nodeHost } from "../boards/node-host.ts";
import { type RecognisedBoard, recogniseBoard } from "../boards/recognise.ts";
import { MEDIUM_FILES } from "../config/boot-medium.ts";
import { CONTROL_PORT } from "../control/messages.ts";
import { AgentError } from "../errors.ts";
import { InheritedSockets } from "../link/systemd.ts";
import { Journal } from "../log/journal.ts";
import { createLogger, LOG_LEVELS, type LogFormat, type LogLevel } from "../log/logger.ts";
import { timelineLine } from "../log/timeline.ts";
import { PARTS } from "../parts.ts";
import { loadSite } from "../site/load.ts";
import { NO_INTERFACE } from "../site/resolve-management.ts";
import { stateFolderForAgent } from "../state/state-folder.ts";
import { collectStart, keepHeapSmall } from "./heap.ts";
import type { CommandHost } from "./host.ts";
import { packageVersion } from "./version.ts";

/** Below this the young generation, which would grow to 48 MiB under load, is too large a part of the heap. */
const AMPLE_HEAP_MIB = 256;

/** With this status systemd starts the agent again (RestartForceExitStatus= of its unit). */
const EXIT_RESTART = 75;
const MAX_PORT = 65_535;

interface ServeOptions {
  readonly site?: string;
  readonly interface?: string;
  readonly management?: readonly string[];
  readonly controlPort: number;
  readonly name?: string;
  readonly configUrl?: string;
  readonly medium?: string;
  readonly board?: string;
  readonly state?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly json?: boolean;
}

/** `pilotlight serve`: runs the agent in the foreground until SIGTERM or SIGINT. */
export function serveCommand(host: CommandHost): Command {
  return new Command("serve")
    .description(
      "Answer the machines of a site until stopped. Without --site it serves what was pushed to it last, or waits for that.",
    )
    .option("--site <file>", "the site file; nothing can be pushed then (SIGHUP: read it again)")
    .option("--interface <name>", "the rack's interface, if the site does not name it")
    .option(
      "--management <interface...>",
      "where it may be steered from; none: nowhere (default: the rack's, without a site every private network)",
    )
    .addOption(
      new Option("--control-port <port>", "TCP port that it is steered by")
        .argParser(portNumber)
        .default(CONTROL_PORT),
    )
    .option("--name <name>", "what it is called from now on (default: the host's name)")
    .addOption(
      new Option("--config-url <url>", "where its configuration is to be had").env(
        "PILOTLIGHT_CONFIG_URL",
      ),
    )
    .option("--medium <file>", `what was put on the boot medium (default: ${MEDIUM_FILES[0]})`)
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
  const { STATE_DIRECTORY: fromSystemd, INVOCATION_ID: systemdRun } = host.env;
  const recognised = recogniseBoard(BOARDS, nodeHost(), options.board);
  const { board, budgets } = recognised;
  setFlagsFromString(`--max-old-space-size=${budgets.heapMiB}`);
  // What is young and dead takes a millisecond or two to collect. Helper threads, on as few cores as these boards have, make it six.
  setFlagsFromString("--no-parallel-scavenge");
  // Else V8, which goes by the memory of the host, lets a heap in use grow to several times what it holds before it collects. Less
  // than this costs latency: with 20 a pool that fills has its slowest answers four times as late.
  setFlagsFromString("--heap-growing-percent=60");
  if (budgets.heapMiB < AMPLE_HEAP_MIB) keepHeapSmall();
  // What keeps it from ever serving is told before anything is made on the disk.
  // Empty: what a unit says of an agent that has no site file.
  const siteFile = options.site === "" ? undefined : options.site;
  let site = siteFile === undefined ? undefined : await loadSite(siteFile);
  const stateDir = stateFolderForAgent({ option: options.state, fromSystemd });
  log.info(boardLine(recognised));
  const journal = new Journal(budgets.journalEntries, Date.now);
  showJournal(journal, options, host, log);
  const inherited = InheritedSockets.fromEnvironment(host.env, host.pid);
  const run: Run = { agent: undefined, ending: undefined };
  const start = (): Promise<Agent> =>
    startAgent({
      site,
      budgets,
      board: board.id,
      interfaceName: options.interface,
      management: interfacesOf(options.management),
      controlPort: options.controlPort,
      name: options.name,
      hostName: hostname(),
      configUrl: options.configUrl,
      medium: options.medium,
      inherited,
      journal,
      log,
      stateDir,
      version: packageVersion(),
      variables: host.env,
      parts: PARTS,
      restart: () => end("restart"),
      crash,
    });
  const end = (why: Ending): void => {
    if (run.ending !== undefined) return;
    run.ending = why;
    log.info(why === "stop" ? "stopping" : "restarting");
    // Before it is ready there is nothing to stop yet: then it stops as soon as it is.
    if (run.agent) finish().catch(crash);
  };
  const finish = async (): Promise<void> => {
    await run.agent?.stop();
    run.agent = undefined;
    if (run.ending === "stop") host.exit(0);
    // Its supervisor makes a new process, and with it new sockets, of it.
    else if (systemdRun !== undefined) host.exit(EXIT_RESTART);
    else {
      if (siteFile !== undefined) site = await loadSite(siteFile);
      await begin();
    }
  };
  const begin = async (): Promise<void> => {
    run.ending = undefined;
    run.agent = await start();
    // It may have been told to end while it started.
    if (hasEnded(run)) {
      await finish();
      return;
    }
    collectStart();
    log.info(`ready: ${run.agent.summary}, board ${board.id}`);
  };
  host.onStopSignal(() => {
    if (run.ending === "restart") run.ending = "stop";
    else end("stop");
  });
  host.onReloadSignal(() => {
    if (siteFile === undefined) log.info("SIGHUP: there is no site file to read again");
    run.agent?.reload().catch(crash);
  });
  await begin();
}

type Ending = "stop" | "restart";

/** An agent from its start to its end, and what is to come then. */
interface Run {
  agent: Agent | undefined;
  ending: Ending | undefined;
}

function hasEnded({ ending }: Run): boolean {
  return ending !== undefined;
}

/** What is thrown here nobody catches: the process ends with a stack trace, and its supervisor starts another. */
function crash(bug: unknown): void {
  setImmediate(() => {
    throw bug;
  });
}

function showJournal(
  journal: Journal,
  options: ServeOptions,
  host: CommandHost,
  log: Logger,
): void {
  if (!options.json) {
    journal.follow((step) => {
      if (step.outcome !== "progress" && log.isLevelEnabled("info")) {
        host.stderr.write(`${timelineLine(step.entry())}\n`);
      }
    });
    return;
  }
  journal.follow((step) => {
    const entry = step.entry();
    host.stdout.write(`${JSON.stringify(entry)}\n`);
    // Not a machine's affair but the operator's: it belongs where the operator looks.
    const { protocol, outcome } = entry;
    if (protocol === "assets" && (outcome === "failed" || outcome === "refused")) {
      log.warn(`${entry.event}: ${entry.decision}`);
    }
  });
}

function interfacesOf(names: readonly string[] | undefined): readonly string[] | undefined {
  if (!names?.includes(NO_INTERFACE)) return names;
  if (names.length === 1) return [];
  throw new AgentError("E_USAGE", `--management: "${NO_INTERFACE}" stands beside interfaces`);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= MAX_PORT) return port;
  throw new InvalidArgumentError(`A port is a number from 1 to ${MAX_PORT}.`);
}

/** "board generic-x64 (no device tree; processor x64): heap 256 MiB, file chunks 128 MiB, 64 transfers at once". */
function boardLine({ board, evidence, budgets }: RecognisedBoard): string {
  const { heapMiB, chunkCacheMiB, transfers } = budgets;
  return `board ${board.id} (${evidence}): heap ${heapMiB} MiB, file chunks ${chunkCacheMiB} MiB, ${transfers} transfers at once`;
}
