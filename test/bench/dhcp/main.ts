import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { whatIsMissing } from "../programs.ts";
import { dhcpTargets, type Finding, findingsTable } from "./findings.ts";
import { capacities, delays, type Memory, memory } from "./measure.ts";
import { DhcpRig } from "./rig.ts";
import { SERVERS } from "./servers.ts";

// `make bench-dhcp`: perfdhcp as a relay against pilotlight, Kea and dnsmasq. Fails when a target is missed.

const OUTPUT = "test-output/bench-dhcp.json";
const TMPFS = 0x01021994;

const only = process.argv[2] ?? "";
const servers = SERVERS.filter(({ name }) => name.includes(only));
const missing = whatIsMissing(["perfdhcp", ...servers.flatMap((s) => s.programs)]);
if (missing === undefined) await run();
else {
  process.stderr.write(`bench-dhcp: ${missing}\n`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  mkdirSync("test-output", { recursive: true });
  const dir = mkdtempSync(join("test-output", "bench-dhcp-"));
  const rigs: DhcpRig[] = [];
  try {
    if (statfsSync(dir).type === TMPFS)
      say(`${dir} is in memory: durable leases cost nothing here`);
    for (const server of servers) rigs.push(await DhcpRig.create(server, dir));
    const findings = await measure(rigs);
    const targets = dhcpTargets(findings);
    say(`\n${findingsTable(findings)}`);
    for (const { text, met } of targets) say(`${met ? "met   " : "MISSED"} ${text}`);
    const machine = { node: process.version, arch: process.arch, cpus: cpus().map((c) => c.model) };
    const report = { machine, load: loadavg(), findings, targets };
    writeFileSync(OUTPUT, `${JSON.stringify(report, undefined, 2)}\n`);
    say(`\n${OUTPUT}`);
    process.exitCode = targets.every(({ met }) => met) ? 0 : 1;
  } finally {
    for (const rig of rigs) await rig.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(rigs: readonly DhcpRig[]): Promise<readonly Finding[]> {
  const found = await capacities(rigs, say);
  say("delays");
  const delay = await delays(found);
  say("memory");
  const findings: Finding[] = [];
  for (const [rig, capacity] of found) {
    const used: Memory | undefined =
      capacity.perSecond > 0 ? await memory(rig, capacity) : undefined;
    findings.push({ server: rig.server.name, capacity, delays: delay.get(rig), memory: used });
  }
  return findings;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
