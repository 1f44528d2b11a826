import { type Command, InvalidArgumentError, Option } from "commander";
import { type Ipv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MOST_MACHINES } from "./fleet.ts";
import { type Mix, parseMix } from "./mix.ts";

/** What `pilotlight sim storm` was told. */
export interface StormOptions {
  readonly machines: number;
  readonly mix: Mix;
  /** Milliseconds. */
  readonly within: number;
  readonly interface?: string;
  readonly address: Ipv4;
  /** Shares of 1. */
  readonly loss: number;
  readonly reorder: number;
  readonly seed: number;
  readonly timeout: number;
  /** Octets. */
  readonly kernel: number;
  readonly loader: number;
  readonly small: number;
  readonly ratio?: number;
  readonly memory: number;
  readonly board?: string;
  readonly json?: boolean;
  readonly printSite?: boolean;
  readonly writeSite?: string;
  readonly inside?: string;
  readonly scratch?: string;
}

const MIX = "sun:10,pxe:60,uefi:20,rpi:10";
const MOST_OCTETS = 1_073_741_824;
const MOST_SECONDS = 3_600;
const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1_024, M: 1_048_576 };

/** Adds the options of a storm to its command. */
export function withStormOptions(command: Command): Command {
  return command
    .option("-n, --machines <number>", "how many machines", count, 1_000)
    .addOption(
      new Option("--mix <parts>", "which machines, by parts")
        .argParser(parseMix)
        .default(parseMix(MIX), MIX),
    )
    .addOption(
      new Option("--within <time>", "all are powered on within this")
        .argParser(time)
        .default(1_000, "1s"),
    )
    .option("--interface <name>", "boot over this interface (default: from an agent of its own)")
    .addOption(
      new Option("--address <address>", "the agent's, in a /16")
        .argParser(address)
        .default(parseIpv4("10.77.0.1"), "10.77.0.1"),
    )
    .option("--loss <percent>", "frames that the link loses, as 5%", percent, 0)
    .option("--reorder <percent>", "frames that are overtaken by others, as 5%", percent, 0)
    .option("--seed <number>", "what chance begins with: the same storm again", seed, 1)
    .option("--timeout <seconds>", "how long the machines may take to boot", seconds, 300)
    .addOption(size("--kernel", "what PCs load by HTTP", 262_144, "256k"))
    .addOption(size("--loader", "what is loaded first by each machine", 102_400, "100k"))
    .addOption(size("--small", "kernels of Suns (NFS) and of Raspberry Pis (TFTP)", 65_536, "64k"))
    .option(
      "--ratio <number>",
      "the slowest by the median at most (default: 3, none on a bad link)",
      positive,
    )
    .option("--memory <MB>", "resident memory of the agent at most", positive, 150)
    .option("--board <id>", "the board that the agent is to take itself for")
    .option("--json", "print the result as one JSON object")
    .option("--print-site", "print the site file that is expected of the agent, and end")
    .option("--write-site <folder>", "write that site and its files into a folder, and end")
    .addOption(new Option("--inside <namespace>").hideHelp())
    .addOption(new Option("--scratch <folder>").hideHelp());
}

/** The options as words, for the inner process. */
export function stormWords(options: StormOptions): readonly string[] {
  const { machines, mix, within, loss, reorder, timeout, kernel, loader, small } = options;
  const parts = [...mix].map(([family, part]) => `${family}:${part}`).join(",");
  const { ratio, memory, board, json, seed: begin } = options;
  const words: readonly (readonly [string, string | number | undefined])[] = [
    ["--machines", machines],
    ["--mix", parts],
    ["--within", `${within}ms`],
    ["--loss", `${loss * 100}%`],
    ["--reorder", `${reorder * 100}%`],
    ["--seed", begin],
    ["--timeout", timeout],
    ["--kernel", kernel],
    ["--loader", loader],
    ["--small", small],
    ["--ratio", ratio],
    ["--memory", memory],
    ["--board", board],
  ];
  const given = words.flatMap(([name, value]) => (value === undefined ? [] : [name, `${value}`]));
  return [...given, ...(json ? ["--json"] : [])];
}

function count(text: string): number {
  const n = Number(text);
  if (/^\d+$/.test(text) && n > 0 && n <= MOST_MACHINES) return n;
  throw new InvalidArgumentError(`It is a number from 1 to ${MOST_MACHINES}.`);
}

function time(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === "s" ? 1_000 : 1);
  if (unit !== "" && ms <= MOST_SECONDS * 1_000) return ms;
  throw new InvalidArgumentError("It looks like 1s or 500ms.");
}

function percent(text: string): number {
  const share = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1] ?? Number.NaN) / 100;
  if (share >= 0 && share <= 0.5) return share;
  throw new InvalidArgumentError("It looks like 5%, and is 50% at most.");
}

function seed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a number from 0 to 999999999.");
}

function seconds(text: string): number {
  const n = Number(text);
  if (n > 0 && n <= MOST_SECONDS) return n;
  throw new InvalidArgumentError(`It is a number of seconds, at most ${MOST_SECONDS}.`);
}

function positive(text: string): number {
  const n = Number(text);
  if (n > 0 && Number.isFinite(n)) return n;
  throw new InvalidArgumentError("It is a number above 0.");
}

function address(text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (parsed !== undefined && (parsed & 0xff) !== 0 && (parsed & 0xff00) === 0) return parsed;
  throw new InvalidArgumentError("It is among the first 255 of its /16, as 10.77.0.1.");
}

function size(flag: string, what: string, octets: number, text: string): Option {
  return new Option(`${flag} <size>`, what).default(octets, text).argParser((given: string) => {
    const [, digits = "", unit = "?"] = /^(\d{1,10})([kM]?)$/.exec(given) ?? [];
    const n = Number(digits) * (UNITS[unit] ?? Number.NaN);
    if (n > 0 && n <= MOST_OCTETS) return n;
    throw new InvalidArgumentError("It looks like 100k or 8M, and is 1024M at most.");
  });
}
