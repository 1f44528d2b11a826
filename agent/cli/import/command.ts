import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Command } from "commander";
import { AgentError } from "../../errors.ts";
import { invalidSite, parseSite } from "../../site/load.ts";
import type { CommandHost } from "../host.ts";
import { Draft } from "./draft.ts";
import { readDhcpd } from "./read-dhcpd.ts";
import { readDnsmasq } from "./read-dnsmasq.ts";
import { readBootparams, readEthers, readHosts } from "./read-files.ts";
import { readTftpboot } from "./tftpboot.ts";
import { siteText } from "./write-site.ts";

const MAX_OCTETS: number = 16 * 1024 * 1024;

interface ImportOptions {
  readonly ethers: readonly string[];
  readonly hosts: readonly string[];
  readonly bootparams: readonly string[];
  readonly dhcpdConf: readonly string[];
  readonly dnsmasqConf: readonly string[];
  readonly tftpboot?: string;
  readonly tftpRoot: string;
  readonly site: string;
  readonly address?: string;
  readonly out?: string;
}

/** `pilotlight import`: a site file out of the files of the servers that ran before. */
export function importCommand(host: CommandHost): Command {
  const several = (value: string, before: readonly string[]): readonly string[] => [
    ...before,
    value,
  ];
  return new Command("import")
    .description("Write a site file that does what ethers, bootparams, dhcpd or dnsmasq did.")
    .option("--hosts <file>", "/etc/hosts; may be repeated, as all of these", several, [])
    .option("--ethers <file>", "/etc/ethers", several, [])
    .option("--bootparams <file>", "/etc/bootparams", several, [])
    .option("--dhcpd-conf <file>", "ISC's dhcpd.conf", several, [])
    .option("--dnsmasq-conf <file>", "dnsmasq.conf", several, [])
    .option("--tftpboot <folder>", "where links named by addresses in hex lead to boot programs")
    .option("--tftp-root <folder>", "what names of boot files are relative to", "/srv/tftp")
    .option("--site <name>", "the site's name", "imported")
    .option("--address <address/len>", "our own address in the rack")
    .option(
      "--out <file>",
      "write to this file, which must not be there yet, and not to standard output",
    )
    .addHelpText(
      "after",
      "\nExample:\n  pilotlight import --ethers /etc/ethers --hosts /etc/hosts --bootparams /etc/bootparams \\\n    --tftpboot /tftpboot --address 172.24.42.150/24 --out site.yaml",
    )
    .action((options: ImportOptions) => importSite(options, host));
}

async function importSite(options: ImportOptions, host: CommandHost): Promise<void> {
  const draft = new Draft();
  const { ethers, hosts, bootparams, dhcpdConf, dnsmasqConf, tftpRoot } = options;
  const files = [...hosts, ...ethers, ...bootparams, ...dhcpdConf, ...dnsmasqConf];
  if (files.length === 0) {
    throw new AgentError("E_USAGE", "nothing to import", {
      cure: "Name at least one file: --ethers, --hosts, --bootparams, --dhcpd-conf or --dnsmasq-conf.",
    });
  }
  for (const file of hosts) readHosts(await textOf(file), draft);
  for (const file of ethers) readEthers(await textOf(file), file, draft);
  for (const file of dhcpdConf) readDhcpd(await textOf(file), file, tftpRoot, draft);
  for (const file of dnsmasqConf) readDnsmasq(await textOf(file), file, tftpRoot, draft);
  for (const file of bootparams) readBootparams(await textOf(file), file, draft);
  if (options.tftpboot !== undefined) readTftpboot(options.tftpboot, draft);
  const text = siteText(draft, { site: options.site, address: options.address });
  const out = options.out ?? "site.yaml";
  const { site, problems } = parseSite(text, out);
  for (const { file, line, text: words } of draft.notes) {
    host.stderr.write(`${file}${line > 0 ? `:${line}` : ""}: ${words}\n`);
  }
  if (options.out === undefined) host.stdout.write(text);
  else await writeNew(options.out, text);
  // It is written all the same: what is left to do is easier to see in it than without it.
  if (problems) throw invalidSite(out, problems);
  const { length: count } = site.machines;
  const left = draft.notes.length;
  host.stderr.write(
    `${count === 1 ? "1 machine" : `${count} machines`}; ${left === 0 ? "nothing was left out" : left === 1 ? "1 line above says what to look at" : `${left} lines above say what to look at`}\n`,
  );
}

async function textOf(file: string): Promise<string> {
  try {
    const octets = await readFile(file);
    if (octets.length > MAX_OCTETS)
      throw new AgentError("E_USAGE", `${file} is too large to be such a file`);
    return octets.toString("utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("E_USAGE", `cannot read ${path.resolve(file)}`, { cause });
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (cause) {
    throw new AgentError(
      "E_USAGE",
      `cannot write ${file}: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
        cure: "Name a file that is not there yet with --out.",
      },
    );
  }
}
