import { request } from "node:http";
import { AgentError, ERRORS, type ErrorCode } from "../errors.ts";
import { errorCode } from "../state/folder.ts";
import { socketPath } from "./local-socket.ts";

/** How long an agent may say nothing, ms. */
const PATIENCE_MS = 60_000;
/** Status of ten thousand assets has some megabytes. */
const MAX_ANSWER_OCTETS: number = 64 * 1024 * 1024;

/** No agent runs with this state folder. */
export const NO_AGENT: unique symbol = Symbol("no agent runs");
export type NoAgent = typeof NO_AGENT;

/** Asks the agent with a state folder, one request at a time and without keeping a connection. */
export class LocalClient {
  private readonly file: string;

  constructor(stateDir: string) {
    this.file = socketPath(stateDir);
  }

  /** What the agent answers; rejects with the AgentError that it answers with, or E_CACHE when it cannot be asked. */
  get(path: string): Promise<unknown> {
    return this.ask("GET", path, undefined);
  }

  post(path: string, body: unknown): Promise<unknown> {
    return this.ask("POST", path, JSON.stringify(body));
  }

  private ask(method: string, path: string, body: string | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sent = request({
        socketPath: this.file,
        method,
        path,
        agent: false,
        timeout: PATIENCE_MS,
        ...(body === undefined
          ? {}
          : {
              headers: {
                "content-type": "application/json",
                "content-length": Buffer.byteLength(body),
              },
            }),
      });
      sent.on("timeout", () => sent.destroy(this.unusable("it does not answer")));
      sent.on("error", (error) => {
        const code = errorCode(error);
        if (code === "ENOENT" || code === "ECONNREFUSED") resolve(NO_AGENT);
        else if (error instanceof AgentError) reject(error);
        else if (code === "EACCES") reject(this.forbidden(error));
        else reject(this.unusable(error.message, error));
      });
      sent.on("response", (response) => {
        const pieces: Buffer[] = [];
        let octets = 0;
        response.on("data", (piece: Buffer) => {
          octets += piece.length;
          if (octets > MAX_ANSWER_OCTETS) sent.destroy(this.unusable("its answer has no end"));
          else pieces.push(piece);
        });
        response.on("error", (error) => reject(this.unusable(error.message, error)));
        response.on("end", () => {
          const answer = parsed(Buffer.concat(pieces).toString("utf8"));
          if (answer === undefined) reject(this.unusable("its answer is not JSON"));
          else if (response.statusCode === 200) resolve(answer);
          else reject(this.answered(answer));
        });
      });
      sent.end(body);
    });
  }

  private answered(answer: unknown): AgentError {
    if (typeof answer !== "object" || answer === null) return this.unusable("it says no");
    const { code, message, cure } = answer as Record<string, unknown>;
    if (typeof code !== "string" || !(code in ERRORS)) return this.unusable(String(message));
    return new AgentError(code as ErrorCode, String(message), {
      ...(typeof cure === "string" ? { cure } : {}),
    });
  }

  private forbidden(cause: unknown): AgentError {
    return new AgentError("E_CACHE", `an agent runs, but ${this.file} may not be opened`, {
      cause,
      cure: "Type the command again with `sudo` in front of it.",
    });
  }

  private unusable(why: string, cause?: unknown): AgentError {
    return new AgentError("E_CACHE", `the agent at ${this.file}: ${why}`, {
      cause,
      cure: "Look at the agent's log; restart it if it hangs.",
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
