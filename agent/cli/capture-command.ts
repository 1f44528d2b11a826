import { AgentError, formatAgentError } from "../errors.ts";
import type { CommandHost } from "./host.ts";

const FAILED = 1;
/** Text is written in pieces of about this many characters. */
const WRITE_LEN = 64 * 1024;

/** Gathers text and writes it in large pieces, never faster than it is read at the other end. */
export class TextOutput {
  /** Characters from which on a flush is due. */
  limit: number = WRITE_LEN;
  private text = "";
  private readonly stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
  }

  get isFull(): boolean {
    return this.text.length >= this.limit;
  }

  add(text: string): void {
    this.text += text;
  }

  async flush(): Promise<void> {
    const { text, stream } = this;
    this.text = "";
    if (text === "" || stream.write(text)) return;
    await new Promise<void>((resolve) => stream.once("drain", resolve));
  }

  /** Sets the limit back, after more than usual was held. */
  release(): void {
    this.limit = WRITE_LEN;
  }
}

/** What the system says about a capture becomes an error with a cure; a bug of ours stays what it is. */
export function readFailure(error: unknown, file: string): AgentError {
  if (error instanceof AgentError) return error;
  if (!(error instanceof Error) || !("syscall" in error)) throw error;
  return new AgentError("E_CAPTURE", `cannot be read: ${error.message}`, {
    cause: error,
    cure:
      file === "-"
        ? "Check the program that writes it."
        : "Check the path and your permission to read it.",
  });
}

/** Tells, after what could be read, that a capture is damaged; the command then ends with status 1. */
export function tellFailure(
  host: CommandHost,
  file: string,
  failure: AgentError,
  frames: number,
): void {
  const read = new AgentError(failure.code, `${file}: ${failure.message} (${frames} frames read)`, {
    cause: failure.cause,
    cure: failure.cure,
  });
  host.stderr.write(`${formatAgentError(read)}\n`);
  host.setExitStatus(FAILED);
}
