import { createReadStream, statSync } from "node:fs";
import { Command } from "commander";
import { captureFrames } from "../capture/capture-reader.ts";
import { Dissector } from "../capture/dissector.ts";
import { messageJson } from "../capture/message.ts";
import { messageText } from "../capture/message-text.ts";
import { Progress } from "../capture/progress.ts";
import type { AgentError } from "../errors.ts";
import { readFailure, TextOutput, tellFailure } from "./capture-command.ts";
import { keepHeapSmall } from "./heap.ts";
import type { CommandHost } from "./host.ts";

const READ_LEN = 256 * 1024;

interface DecodeOptions {
  readonly json?: true;
}

/** `pilotlight decode`: what was said in a capture, message by message. */
export function decodeCommand(host: CommandHost): Command {
  return new Command("decode")
    .description("Show what the packets of a capture say, boot protocols in full.")
    .argument("<file>", "a pcap or pcapng file; - reads standard input")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  pilotlight decode boot.pcap\n  pilotlight decode --json boot.pcapng | jq 'select(.protocol == \"tftp\")'\n  ssh rack tcpdump -U -w - | pilotlight decode -",
    )
    .action((file: string, options: DecodeOptions) => decodeFile(host, file, options));
}

async function decodeFile(host: CommandHost, file: string, options: DecodeOptions): Promise<void> {
  keepHeapSmall();
  const json = options.json === true;
  const out = new TextOutput(host.stdout);
  const input = new Input(file);
  const progress = new Progress(host.stderr, input.total);
  const format = json
    ? (m: Parameters<typeof messageJson>[0]): void => out.add(`${messageJson(m)}\n`)
    : (m: Parameters<typeof messageText>[0]): void => out.add(messageText(m));
  const dissector = new Dissector(format, { octets: json });
  let failure: AgentError | undefined;
  let frames = 0;
  try {
    for await (const frame of captureFrames(input.pieces())) {
      dissector.frame(frame);
      frames = frame.number;
      if (!out.isFull) continue;
      progress.clear();
      await out.flush();
      progress.show(input.octets, frames);
    }
  } catch (error) {
    failure = readFailure(error, file);
  }
  dissector.end();
  progress.clear();
  await out.flush();
  if (failure === undefined) return;
  tellFailure(host, file, failure, frames);
}

/** The file, and how much of it was read. */
class Input {
  octets = 0;
  /** Octets of the file; undefined for a pipe. */
  readonly total: number | undefined;
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
    const stat = file === "-" ? undefined : statSync(file, { throwIfNoEntry: false });
    this.total = stat?.isFile() ? stat.size : undefined;
  }

  async *pieces(): AsyncGenerator<Uint8Array, void, void> {
    const { file } = this;
    const stream =
      file === "-" ? process.stdin : createReadStream(file, { highWaterMark: READ_LEN });
    for await (const piece of stream as AsyncIterable<Buffer>) {
      this.octets += piece.length;
      yield piece;
    }
  }
}
