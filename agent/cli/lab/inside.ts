import { readFileSync, realpathSync } from "node:fs";
import { rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../../errors.ts";
import { loadSite } from "../../site/load.ts";
import type { CommandHost } from "../host.ts";
import { ownNamespace } from "./enter.ts";
import { LAB_MACHINES } from "./machines.ts";
import { LabNetwork } from "./network.ts";
import { labOutput } from "./output.ts";
import { Rehearsal } from "./rehearsal.ts";
import { run, withSystemPath } from "./run.ts";
import { layOutExample } from "./stand-ins.ts";
import { StopRequest } from "./stop-request.ts";
import { labResult } from "./summary.ts";

/** What the inner process is told. */
export interface InsideOptions {
  /** The network namespace that the lab was started in, which this process must have left. */
  readonly outside: string;
  /** An empty folder; a file system in memory goes over it. */
  readonly scratch: string;
  readonly timeoutMs: number;
  readonly json: boolean;
}

const SCRATCH_MIB = 96;
const RACK_INTERFACE = "rack0";
const FAILED = 1;

/** The lab proper, in private namespaces, as the first process of its own process namespace. */
export async function runInside(host: CommandHost, options: InsideOptions): Promise<void> {
  refuseOutside(options.outside);
  const env = withSystemPath(host.env);
  const { scratch } = options;
  const stop = new StopRequest(host);
  let network: LabNetwork | undefined;
  try {
    await mountScratch(scratch, env, SCRATCH_MIB);
    const example = path.resolve(path.dirname(realpathSync(host.entry)), "../../examples/lab");
    const site = await loadSite(await layOutExample(example, scratch));
    const machines = site.machines.filter((m) => LAB_MACHINES.some((l) => l.name === m.name));
    const { address, prefixLen, interface: interfaceName = RACK_INTERFACE } = site.network;
    network = await LabNetwork.create({ address, prefixLen, interfaceName, machines }, env);

    const output = labOutput(host, options.json);
    const rehearsal = new Rehearsal({
      site,
      output,
      env,
      program: [process.execPath, host.entry],
      inside: (command, args) => network?.inside(command, args) ?? [],
      prefix: oneProcessor(),
      interfaceName,
      timeoutMs: options.timeoutMs,
      now: Date.now,
    });
    stop.whenAsked(() => rehearsal.abort());
    const complaint = await rehearsal.run();
    if (stop.asked) {
      output.end(undefined);
      host.setExitStatus(FAILED);
      return;
    }
    const booted = rehearsal.runs.every((r) => r.verdict === "booted");
    const journal = booted ? null : await keepJournal(scratch, rehearsal.journal);
    const result = labResult(rehearsal.runs, journal);
    output.end(result);
    if (complaint !== undefined) host.stderr.write(`${complaint}\n`);
    host.setExitStatus(result.booted && complaint === undefined ? 0 : FAILED);
  } finally {
    network?.close();
    await run("umount", ["-l", scratch], env);
    await rmdir(scratch).catch(() => {}); // the outer process may have been quicker
    stop.close();
  }
}

/** Throws E_USAGE in the namespace that the command was started in: an inner process would change that host's network. */
export function refuseOutside(outside: string): void {
  if (outside !== ownNamespace()) return;
  const why = "--inside is the lab's own: it would change this host's network";
  throw new AgentError("E_USAGE", why, { cure: "Run the command without it." });
}

/** The site's files lie in memory: they are gone with the namespace, and no SD card wears. */
export async function mountScratch(
  scratch: string,
  env: NodeJS.ProcessEnv,
  mib: number,
): Promise<void> {
  const options = `size=${mib}m,mode=0700`;
  const args = ["-t", "tmpfs", "-o", options, "pilotlight-lab", scratch];
  const mounted = await run("mount", args, env);
  if (!mounted.ok) {
    throw new AgentError(
      "E_NAMESPACE",
      `a file system in memory was refused: ${mounted.complaint}`,
    );
  }
}

/**
 * Keeps agent and machines on one processor, any that we may use.
 *
 * veth hands each packet to the processor that sent it, and Linux sends a connection's packets from the process and from
 * whichever processor takes an ACK in: between two of them packets overtake each other, as on no cable between two
 * machines, and TCP spends its time on mending that.
 */
function oneProcessor(): readonly string[] {
  const status = readFileSync("/proc/self/status", "utf8");
  const allowed = processorNumbers(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "");
  const chosen = allowed[Math.floor(Math.random() * allowed.length)];
  return chosen === undefined ? [] : ["taskset", "--cpu-list", String(chosen)];
}

/** "0-2,5" as the kernel writes it: 0, 1, 2, 5. */
export function processorNumbers(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [first = "", last = first] = range.split("-");
    if (!/^\d+$/.test(first) || !/^\d+$/.test(last)) return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}

/** Writes the journal where it outlives the lab. The name is the scratch folder's, which was made unique. */
async function keepJournal(scratch: string, lines: readonly string[]): Promise<string> {
  const file = `${scratch}-journal.jsonl`;
  await writeFile(file, lines.map((line) => `${line}\n`).join(""), { flag: "wx", mode: 0o600 });
  return file;
}
