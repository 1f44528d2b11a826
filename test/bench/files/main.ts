import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { whatIsMissing } from "../programs.ts";
import { FILES } from "./cases.ts";
import { type Compiled, compile } from "./compile.ts";
import { type Finding, fileTargets, findingsTable } from "./findings.ts";
import { casesNamed, measure } from "./measure.ts";
import { FileRig } from "./rig.ts";
import { GANESHA, SERVERS } from "./servers.ts";

// `make bench-files`: our own clients against pilotlight, other servers and the limit. Fails when a target is missed.

const OUTPUT = "test-output/bench-files.json";

const cases = casesNamed(process.argv[2] ?? "");
const servers = SERVERS.filter(({ kinds }) => cases.some((c) => kinds.includes(c.kind)));
const obstacle =
  process.getuid?.() === 0
    ? whatIsMissing(["cc", ...servers.flatMap((s) => s.programs)])
    : "must run as root: the servers change their user, and are put into control groups";
if (cases.length === 0) fail(`no case is called "${process.argv[2]}"`);
else if (obstacle === undefined) await run();
else fail(obstacle);

async function run(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "pilotlight-bench-"));
  const rigs: FileRig[] = [];
  try {
    const compiled = compile(join(dir, "programs"));
    const files = makeFiles(dir, compiled);
    for (const server of servers) rigs.push(await FileRig.create(server, dir, files, compiled));
    const findings: Finding[] = [];
    for (const c of cases) findings.push(...(await measure(c, rigs, say)));
    const targets = fileTargets(findings);
    say(`\n${findingsTable(findings)}`);
    if (findings.some((f) => f.server === GANESHA)) {
      say("nfs-ganesha does not serve NFSv2: its lines are READ of NFSv3, for information.");
    }
    for (const { text, met } of targets) say(`${met ? "met   " : "MISSED"} ${text}`);
    const machine = { node: process.version, arch: process.arch, cpus: cpus().map((c) => c.model) };
    const report = { machine, load: loadavg(), findings, targets };
    mkdirSync("test-output", { recursive: true });
    writeFileSync(OUTPUT, `${JSON.stringify(report, undefined, 2)}\n`);
    say(`\n${OUTPUT}`);
    process.exitCode = targets.every(({ met }) => met) ? 0 : 1;
  } finally {
    for (const rig of rigs) await rig.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Servers that leave their rights behind must be able to read them. */
function makeFiles(dir: string, { load }: Compiled): string {
  const files = join(dir, "files");
  mkdirSync(files);
  for (const [name, octets] of Object.entries(FILES)) {
    execFileSync(load, ["make", join(files, name), String(octets)]);
    chmodSync(join(files, name), 0o644);
  }
  for (const folder of [dir, files]) chmodSync(folder, 0o755);
  return files;
}

function fail(why: string): void {
  process.stderr.write(`bench-files: ${why}\n`);
  process.exitCode = 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
