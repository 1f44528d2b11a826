import { request } from "node:http";
import type { FoundAgent } from "../../discovery/services.ts";
import { endpoint } from "../../link/endpoint.ts";

/** An agent that does not answer in this time is shown without what it would say, ms. */
const TIMEOUT_MS = 1_500;
const MAX_LEN = 256 * 1024;
const MAX_NAMES = 1_000;
const MAX_ADDRESSES = 3;

/** What an agent said when it was asked; nothing of it is proven. */
export interface SaidStatus {
  /** Names of the machines that boot just now. */
  readonly booting: readonly string[];
}

/** Asks an agent how it is; undefined when it does not answer, or not to anybody. Never rejects. */
export type AskStatus = (agent: FoundAgent) => Promise<SaidStatus | undefined>;

/** By `GET /v1/status`, one address after the other. */
export async function askStatus(
  agent: FoundAgent,
  timeoutMs: number = TIMEOUT_MS,
): Promise<SaidStatus | undefined> {
  for (const address of agent.addresses.slice(0, MAX_ADDRESSES)) {
    try {
      return readStatus(await readJson(address, agent.port, timeoutMs));
    } catch {
      // The next address may do; that none does is an answer too.
    }
  }
  return;
}

function readStatus(status: unknown): SaidStatus | undefined {
  const { booting } = (status ?? {}) as { booting?: unknown };
  if (!Array.isArray(booting)) return;
  const names = booting.filter((name) => typeof name === "string");
  return { booting: names.slice(0, MAX_NAMES) };
}

function readJson(address: string, port: number, timeoutMs: number): Promise<unknown> {
  const [bare = ""] = address.split("%");
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: address,
        port,
        path: "/v1/status",
        agent: false,
        headers: { host: endpoint(bare, port), accept: "application/json" },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const pieces: Buffer[] = [];
        let len = 0;
        response.on("data", (piece: Buffer) => {
          len += piece.length;
          if (len > MAX_LEN) asked.destroy(new Error("too long"));
          pieces.push(piece);
        });
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode !== 200) return reject(new Error(`${response.statusCode}`));
          try {
            resolve(JSON.parse(Buffer.concat(pieces).toString()));
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
