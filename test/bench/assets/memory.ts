import { rmSync } from "node:fs";
import { join } from "node:path";
import { below, type Outcome } from "../outcome.ts";
import { makeFile } from "./files.ts";
import { NET, type Rig } from "./rig.ts";

const OCTETS = 2_000_000_000;
const LIMIT_MB = 120;
const READERS = "10";
/** 2 GB ten times in blocks of 1 468 octets would take minutes: TFTP readers leave after this, ms. */
const TFTP_MS = "12000";
const MIB_MB = 1.048_576;

/**
 * The most memory that an agent with the budgets of the smallest board ever has resident: VmHWM, which counts the pages of
 * the program and of its libraries too. A 2 GB asset is fetched and verified, read whole by ten over HTTP, and by ten over TFTP;
 * before and after that an operator finds the agent and asks it over TLS.
 */
export async function memory(rig: Rig): Promise<Outcome> {
  const digest = makeFile(join(rig.root, "huge"), OCTETS);
  const store = await rig.nginx();
  const state = rig.fresh("state");
  const site = rig.site({ huge: `{ url: "${NET.store}/huge", sha256: ${digest} }` });
  const agent = rig.agent(site, state);
  await agent.ready();
  const ready = agent.peakMiB() * MIB_MB;
  await steer(rig);
  const steered = agent.peakMiB() * MIB_MB;
  await agent.fetched("huge");
  const fetched = agent.peakMiB() * MIB_MB;
  await store.stop();
  rmSync(join(rig.root, "huge"));
  const httpOctets = await rig.client<number>("http-read", "huge", READERS);
  const http = agent.peakMiB() * MIB_MB;
  const tftpOctets = await rig.client<number>("tftp-read", "huge", READERS, TFTP_MS);
  await steer(rig);
  const tftp = agent.peakMiB() * MIB_MB;
  await agent.stop();
  rmSync(state, { recursive: true });
  const figures = { ready, steered, fetched, http, tftp };
  return {
    name: "memory",
    figures: { ...figures, httpGB: httpOctets / 1e9, tftpGB: tftpOctets / 1e9 },
    targets: [
      below("memory, 2 GB fetched, read by 10 over HTTP and TFTP", tftp, LIMIT_MB, " MB resident"),
    ],
  };
}

/** An operator on the rack's wire. */
async function steer(rig: Rig): Promise<void> {
  await rig.pilotlight("discover", "--timeout", "2", "--json");
  for (const verb of ["status", "machines", "status"])
    await rig.pilotlight(verb, NET.agent, "--json");
}
