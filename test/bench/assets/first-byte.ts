import { rmSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../children.ts";
import { below, median, type Outcome } from "../outcome.ts";
import { makeFile } from "./files.ts";
import { type AgentRun, NET, type Rig } from "./rig.ts";

const OCTETS = 8_000_000;
/** Two seconds for all of it: the machine asks in the middle. */
const RATE = "4m";
const ROUNDS = 5;
/** No firmware repeats a question within a second, and no human sees this. */
const LIMIT_MS = 250;

/**
 * From the last octet that leaves the store to the first that a machine gets which has been waiting for it. In between the
 * file is made durable, verified, recorded and opened.
 */
export async function firstByte(rig: Rig): Promise<Outcome> {
  const digest = makeFile(join(rig.root, "slow"), OCTETS);
  const store = await rig.nginx(`limit_rate ${RATE};`);
  const site = rig.site({ slow: `{ url: "${NET.store}/slow", sha256: ${digest} }` });
  const took = async (command: string): Promise<number> => {
    const state = rig.fresh("state");
    const before = answers(store.log()).length;
    const agent = rig.agent(site, state);
    await agent.ready();
    const first = await rig.client<number>(command, "slow");
    await heldFirst(agent);
    await waitFor(
      () => "nginx to log",
      () => answers(store.log()).length > before,
    );
    await agent.stop();
    rmSync(state, { recursive: true });
    return first - (answers(store.log()).at(-1) ?? Number.NaN);
  };
  const http: number[] = [];
  const tftp: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    http.push(await took("http-first"));
    tftp.push(await took("tftp-first"));
  }
  await store.stop();
  const figures = { httpMs: median(http), tftpMs: median(tftp) };
  return {
    name: "first byte",
    figures,
    targets: [
      below("first byte to a waiting machine, HTTP", figures.httpMs, LIMIT_MS, " ms"),
      below("first byte to a waiting machine, TFTP", figures.tftpMs, LIMIT_MS, " ms"),
    ],
  };
}

/** Without having been held, the machine came too late to have measured anything. */
async function heldFirst(agent: AgentRun): Promise<void> {
  await agent.until("to have held the question", () =>
    agent.journal.some((e) => e.decision.startsWith("held: ")),
  );
}

/** When the last octet of each GET was sent, milliseconds since 1970. */
function answers(log: string): number[] {
  return [...log.matchAll(/^GET \/slow 200 ([\d.]+)$/gm)].map((m) => Number(m[1]) * 1_000);
}
