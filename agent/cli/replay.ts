import { open } from "node:fs/promises";
import { Command } from "commander";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { captureFrames } from "../capture/capture-reader.ts";
import { Progress } from "../capture/progress.ts";
import { AgentError, formatAgentError } from "../errors.ts";
import { Replay } from "../replay/replay.ts";
import { exchangeJson, Summary, TextReport } from "../replay/report.ts";
import { loadSite } from "../site/load.ts";
import type { Site } from "../site/site.ts";
import { readFailure, TextOutput, tellFailure } from "./capture-command.ts";
import { keepHeapSmall } from "./heap.ts";
import type { CommandHost } from "./host.ts";

const READ_LEN = 256 * 1024;
/** While the recorded server has not spoken, this much text waits: if it never does, an error says more. */
const HELD_LEN = 4 * 1024 * 1024;

interface ReplayOptions {
  readonly site: string;
  readonly server?: readonly Ipv4[];
  readonly json?: true;
}

/** `pilotlight replay`: what we would have answered to the clients of a capture, and how that differs. */
export function replayCommand(host: CommandHost): Command {
  return new Command("replay")
    .description("Show what this site would have answered to each request of a capture, and why.")
    .argument("<file>", "a pcap or pcapng file; - reads standard input")
    .requiredOption("--site <file>", "the site file")
    .option(
      "--server <address>",
      "a server of the capture that the agent stands in for, if it is not the site's address (repeatable)",
      readServer,
    )
    .option("--json", "one JSON object a line, and a last one with the summary")
    .addHelpText(
      "after",
      "\nExamples:\n  pilotlight replay boot.pcap --site site.yaml\n  pilotlight replay boot.pcap --site site.yaml --server 192.168.77.1 --json | jq 'select(.differences != [])'",
    )
    .action((file: string, options: ReplayOptions) => replayFile(host, file, options));
}

function readServer(text: string, before: readonly Ipv4[] = []): readonly Ipv4[] {
  const address = parseIpv4(text);
  if (address === undefined) {
    throw new AgentError("E_USAGE", `--server ${text}: not an IPv4 address`, {
      cure: "Give the address of the server in the capture, as in --server 192.168.77.1.",
    });
  }
  return [...before, address];
}

async function replayFile(host: CommandHost, file: string, options: ReplayOptions): Promise<void> {
  keepHeapSmall();
  const site = await loadSite(options.site);
  const servers = options.server ?? [site.network.address];
  const summary = new Summary();
  const text = new TextReport(site);
  // Nothing is written before a server has spoken: who was named may be the wrong one.
  const out = new TextOutput(host.stdout);
  out.limit = HELD_LEN;
  const json = options.json === true;
  const replay = await Replay.start({
    site,
    servers,
    give: (exchange) => {
      summary.add(exchange);
      out.add(json ? `${exchangeJson(exchange)}\n` : text.exchange(exchange));
    },
    problem: (error) => host.stderr.write(`${formatAgentError(error)}\n`),
  });
  const progress = new Progress(host.stderr, undefined);
  let failure: AgentError | undefined;
  let frames = 0;
  const input = new Input(file);
  try {
    for await (const frame of captureFrames(input.pieces())) {
      await replay.frame(frame);
      frames = frame.number;
      if (replay.serverSpoke) out.release();
      if (!out.isFull) continue;
      progress.clear();
      await out.flush();
      progress.show(input.octets, frames);
    }
  } catch (error) {
    failure = readFailure(error, file);
  }
  progress.clear();
  await replay.end();
  if (!replay.serverSpoke && replay.others.size > 0) {
    throw otherServers(site, servers, replay.others);
  }
  if (!json) out.add(text.end());
  if (!replay.serverSpoke) out.add(json ? "" : "\nNo server answers in this capture.\n");
  out.add(json ? `${summary.json()}\n` : summary.text());
  await out.flush();
  if (failure === undefined) return;
  tellFailure(host, file, failure, frames);
}

/** Somebody answers in the capture, and it is not who was named. */
function otherServers(
  site: Site,
  servers: readonly Ipv4[],
  others: ReadonlyMap<string, number>,
): AgentError {
  const list = [...others].sort((a, b) => b[1] - a[1]);
  const words = list.map(([address, replies]) => `${address} (${replies} replies)`).join(", ");
  const named = servers.map(formatIpv4).join(", ");
  const whose = servers[0] === site.network.address ? ", the site's address," : "";
  return new AgentError(
    "E_USAGE",
    `${named}${whose} never speaks in this capture; these do: ${words}`,
    { cure: `Name the server that the agent is to stand in for: --server ${list[0]?.[0] ?? ""}` },
  );
}

/** The capture, in pieces. Nothing is read ahead: the replay must be able to tell when its services have read what they need. */
class Input {
  octets = 0;
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  async *pieces(): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of this.file === "-" ? process.stdin : this.readFile()) {
      this.octets += piece.length;
      yield piece as Uint8Array;
    }
  }

  private async *readFile(): AsyncGenerator<Uint8Array, void, void> {
    const handle = await open(this.file);
    const buffer = new Uint8Array(READ_LEN);
    try {
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, READ_LEN, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }
}
