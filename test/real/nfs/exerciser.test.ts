import { execFileSync } from "node:child_process";
import path from "node:path";
import { describe, expect } from "vitest";
import { prng } from "../../support/prng.ts";
import { launchAgent, stopAgent } from "../support/agent.ts";
import { CLIENT_MAC } from "../support/lab.ts";
import { NfsClient } from "../support/nfs-client.ts";
import { fillForExercise, NfsExerciser } from "../support/nfs-exerciser.ts";
import { realTest } from "../support/real-test.ts";
import { RpcByRelay } from "../support/rpc-by-relay.ts";

/** FSX_SECONDS=600 for ten minutes; FSX_SEED for another course. */
const { FSX_SECONDS = "40", FSX_SEED = "20261121" } = process.env;

/** The agent is started again three times; a test may take longer than it runs. */
const OWN_TIMEOUT_MS = (Number(FSX_SECONDS) + 120) * 1_000;

describe("an NFSv2 overlay, exercised at random", () => {
  realTest(
    "an exerciser by UDP, over loss, late duplicates and restarts, compared with a local directory",
    async (lab) => {
      const root = path.join(lab.scratch, "root");
      const local = path.join(lab.scratch, "local");
      fillForExercise(path.join(root, "work"));
      execFileSync("cp", ["-a", path.join(root, "work"), local]);
      lab.address("192.168.77.25/24");
      const site = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  diskless: { linux: { root: ${root}, rootPath: /srv/nfs, overlay: 64MiB } }
machines:
  exerciser: { mac: "${CLIENT_MAC}", ip: 192.168.77.25, profile: diskless }
`;
      let agent = await launchAgent(lab, site);
      const random = prng(Number(FSX_SEED));
      const rpc = await RpcByRelay.open(lab, prng(Number(FSX_SEED) + 1));
      rpc.faults = { loss: 0.01, duplication: 0.03 };
      const nfs = new NfsClient(rpc);
      const { handle } = await nfs.lookup({ dir: await nfs.mount("/srv/nfs"), name: "work" });
      const exerciser = new NfsExerciser(nfs, handle, local, random);
      const quarterMs = (Number(FSX_SECONDS) * 1_000) / 4;
      for (const signal of ["SIGTERM", "SIGKILL", "SIGKILL"] as const) {
        await exerciser.run(quarterMs);
        if (signal === "SIGTERM") await stopAgent(agent);
        else await agent.stop(signal);
        agent = await launchAgent(lab, site, `agent-${exerciser.steps}.log`);
      }
      await exerciser.run(quarterMs);
      expect(exerciser.steps).toBeGreaterThan(100);
      expect(rpc.repeated, "calls that were lost").toBeGreaterThan(0);
      await stopAgent(agent);
    },
    OWN_TIMEOUT_MS,
  );
});
