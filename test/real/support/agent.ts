import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import type { Child } from "./child.ts";
import type { Lab } from "./lab.ts";

const READY_TIMEOUT_MS = 20_000;
const MAIN: string = resolve("dist/agent/main.js");

/**
 * Runs `pilotlight serve` with this site in the lab's server namespace and resolves when it says
 * that it is ready. At the end of the test it is stopped with SIGTERM and must exit with status 0.
 */
export async function startAgent(lab: Lab, siteYaml: string): Promise<Child> {
  const agent = await launchAgent(lab, siteYaml);
  lab.atEnd(() => stopAgent(agent));
  return agent;
}

/** The same for a test that stops it itself: what it keeps on disk is there for the next one. */
export async function launchAgent(
  lab: Lab,
  siteYaml: string,
  logName = "agent.log",
): Promise<Child> {
  const site = lab.file("site.yaml", siteYaml);
  const command = [process.execPath, MAIN, "serve", "--site", site, "--interface", "srv0"];
  const agent = lab.startIn(lab.server, command, logName, { STATE_DIRECTORY: lab.scratch });
  const ready = await agent.until(/\bready\b/, READY_TIMEOUT_MS);
  if (ready !== "match") {
    const why = ready === "exit" ? `exited with status ${agent.ended?.status}` : "never said ready";
    throw new Error(`the agent ${why}; it printed:\n${agent.tail()}`);
  }
  return agent;
}

/** Stops an agent that must still run with SIGTERM; it must exit with status 0. */
export async function stopAgent(agent: Child): Promise<void> {
  const early = agent.ended !== undefined;
  const { status, signal } = await agent.stop("SIGTERM");
  if (early || status !== 0) {
    const how = `${early ? "by itself" : "after SIGTERM"}: status ${status}, signal ${signal}`;
    throw new Error(`the agent ended ${how}; it printed:\n${agent.tail()}`);
  }
}

/** What `pilotlight cache ARGS` prints in JSON about this lab's agent; throws when it fails. */
export function cacheCommand(lab: Lab, ...args: string[]): unknown {
  const command = [MAIN, "cache", ...args, "--json", "--state", lab.scratch];
  return JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" }));
}
