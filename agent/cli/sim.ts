import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { crc32 } from "../../firmware-sim/crc32.ts";
import type {
  ExpectedFile,
  Firmware,
  FirmwareEvent,
  FirmwareOptions,
} from "../../firmware-sim/firmware.ts";
import {
  openFirmware,
  type SecondStageOrder,
} from "../../firmware-sim/openfirmware/openfirmware.ts";
import type { SunPlatform } from "../../firmware-sim/openfirmware/prom.ts";
import { pxe } from "../../firmware-sim/pxe/pxe.ts";
import { parseUuid } from "../../firmware-sim/pxe/uuid.ts";
import { raspberryPi } from "../../firmware-sim/raspberry-pi/raspberry-pi.ts";
import { uefi } from "../../firmware-sim/uefi/uefi.ts";
import { formatMac, parseMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { AgentError } from "../errors.ts";
import { type Clock, systemClock } from "../link/clock.ts";
import { type FrameLane, openFrameLane } from "../link/frame-lane.ts";
import type { CommandHost } from "./host.ts";
import { stormCommand } from "./storm/command.ts";

const FAILED = 1;
const KINDS = ["openfirmware", "pxe", "uefi", "raspberry-pi"] as const;
const PLATFORMS: readonly SunPlatform[] = ["sun4", "sun4c", "sun4m", "sun4u"];
const ORDERS: readonly SecondStageOrder[] = ["bootparams", "bootp", "dhcp"];
const DEFAULT_TIMEOUT_SECONDS = 120;

interface SimOptions {
  readonly interface: string;
  readonly mac: Uint8Array;
  readonly order?: SecondStageOrder;
  readonly platform?: SunPlatform;
  readonly kernel?: string;
  readonly uuid?: Uint8Array;
  readonly ipxe?: boolean;
  readonly timeout: number;
  readonly expect: readonly (readonly [name: string, path: string])[];
  readonly json?: boolean;
}

/** `pilotlight sim`: a simulated boot firmware on a real interface, to try a server without the machine; or a storm of them. */
export function simCommand(host: CommandHost): Command {
  const command = new Command("sim").description(
    "Boot a simulated machine over an interface, and tell what it gets and refuses; or many at once.",
  );
  for (const kind of KINDS) command.addCommand(kindCommand(kind, host));
  return command
    .addCommand(stormCommand(host))
    .addHelpText(
      "after",
      "\nExample:\n  sudo pilotlight sim pxe --interface eth0 --mac 52:54:00:aa:00:02 --expect vmlinuz=./vmlinuz\n  pilotlight sim storm -n 100",
    );
}

type Kind = (typeof KINDS)[number];

const TITLES: Readonly<Record<Kind, string>> = {
  openfirmware: "A Sun: its PROM, then the second stage of NetBSD or OpenBSD.",
  pxe: "A PXE BIOS ROM, then iPXE.",
  uefi: "UEFI's HTTP boot, then iPXE.",
  "raspberry-pi": "The EEPROM of a Raspberry Pi 4.",
};

function kindCommand(kind: Kind, host: CommandHost): Command {
  const command = new Command(kind)
    .description(TITLES[kind])
    .requiredOption("--interface <name>", "the interface to boot over")
    .requiredOption("--mac <address>", "the machine's Ethernet address", macArgument);
  if (kind === "openfirmware") {
    command
      .addOption(
        new Option("--order <how>", "how the second stage finds its root")
          .choices(ORDERS)
          .default("bootparams"),
      )
      .addOption(
        new Option("--platform <platform>", "which Sun it is").choices(PLATFORMS).default("sun4u"),
      )
      .option("--kernel <name>", "the kernel's path in the NFS root");
  }
  if (kind === "pxe" || kind === "uefi") {
    command.option("--uuid <uuid>", "the machine's UUID", uuidArgument);
  }
  if (kind === "pxe") {
    command.option("--ipxe", "the ROM is iPXE itself, no boot program is loaded first");
  }
  return command
    .option(
      "--expect <name=path>",
      "compare what arrives under this name with a local file; may be repeated",
      expectArgument,
      [],
    )
    .option(
      "--timeout <seconds>",
      "give up after this long",
      secondsArgument,
      DEFAULT_TIMEOUT_SECONDS,
    )
    .option("--json", "print events to standard output, one JSON object a line")
    .addHelpText(
      "after",
      `\nExample:\n  sudo pilotlight sim ${kind} --interface eth0 --mac 52:54:00:aa:00:02`,
    )
    .action((options: SimOptions) => sim(kind, options, host));
}

async function sim(kind: Kind, options: SimOptions, host: CommandHost): Promise<void> {
  const { mac } = options;
  const content = await ContentCheck.load(options.expect);
  const common = {
    mac,
    random: () => randomBytes(4).readUInt32BE(),
    sink: content.sink,
    expect: content.expect,
    partialChecksums: true, // another machine on this host leaves them to a card that is not there
  };
  const firmware = firmwareOf(kind, common, options);
  const machine = formatMac(mac);
  const say = (event: FirmwareEvent): void => {
    const time = new Date().toISOString();
    const line = options.json
      ? JSON.stringify({ time, machine, ...event })
      : `${time.slice(11, 23)} ${eventText(event)}`;
    host.stdout.write(`${line}\n`);
  };
  const lane = openFrameLane(options.interface, `ether dst ${machine} or ether broadcast`);
  let booted = false;
  const judge = (event: FirmwareEvent): void => {
    const verdict = content.judge(event);
    booted = verdict.kind === "booted";
    say(verdict);
  };
  const run = runSim({ firmware, say: judge, timeoutMs: options.timeout * 1_000 }, lane);
  host.onStopSignal(() => run.stop("stopped by a signal"));
  await run.verdict;
  lane.close();
  host.exit(booted ? 0 : FAILED);
}

function firmwareOf(
  kind: Kind,
  common: FirmwareOptions,
  { order = "bootparams", platform = "sun4u", kernel, ipxe, uuid }: SimOptions,
): Firmware {
  const identity = uuid === undefined ? {} : { uuid };
  switch (kind) {
    case "openfirmware":
      return openFirmware({
        ...common,
        order,
        platform,
        ...(kernel === undefined ? {} : { kernel }),
      });
    case "pxe":
      return pxe({ ...common, ipxeRom: ipxe ?? false, ...identity });
    case "uefi":
      return uefi({ ...common, ...identity });
    case "raspberry-pi":
      return raspberryPi(common);
  }
}

/** What `runSim` drives, and whom it tells. */
export interface SimRunOptions {
  readonly firmware: Firmware;
  readonly say: (event: FirmwareEvent) => void;
  readonly timeoutMs: number;
  readonly clock?: Clock;
}

/** A simulated machine that is running. */
export interface SimRun {
  /** Whether it booted. Never rejects because of what a server sends. */
  readonly verdict: Promise<boolean>;
  /** Pulls the plug: says `failed` with this reason. */
  stop(reason: string): void;
}

/** Powers a firmware on and drives it by a frame lane until it has booted, failed, or `timeoutMs` have passed. */
export function runSim(options: SimRunOptions, frames: FrameLane): SimRun {
  const { firmware, say, timeoutMs, clock = systemClock } = options;
  let cancelTimer = (): void => {};
  let ended = false;
  let settle: (booted: boolean) => void = () => {};
  const verdict = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  const end = (booted: boolean): void => {
    ended = true;
    cancelTimer();
    cancelLimit();
    settle(booted);
  };
  const stop = (reason: string): void => {
    if (ended) return;
    say({ kind: "failed", stage: "sim", reason });
    end(false);
  };
  const cancelLimit = clock.after(timeoutMs, () => stop(`not booted after ${timeoutMs / 1_000} s`));
  const pump = (): void => {
    if (ended) return;
    for (;;) {
      const len = firmware.pollTransmit(frames.tx, 0, clock.now());
      if (len === 0) break;
      frames.send(len);
    }
    let booted = false;
    for (let event = firmware.pollEvent(); event; event = firmware.pollEvent()) {
      say(event);
      booted = event.kind === "booted";
    }
    if (firmware.finished) {
      end(booted);
      return;
    }
    cancelTimer();
    const due = firmware.pollTimeout();
    cancelTimer = Number.isFinite(due)
      ? clock.after(Math.max(0, due - clock.now()), () => {
          firmware.handleTimeout(Math.max(due, clock.now()));
          pump();
        })
      : () => {};
  };
  frames.onFrame((len) => {
    if (ended) return;
    firmware.handleFrame(frames.rx, 0, len, clock.now());
    pump();
  });
  firmware.powerOn(clock.now());
  pump();
  return { verdict, stop };
}

/** Local files that must arrive, octet by octet. */
class ContentCheck {
  private readonly files: ReadonlyMap<string, Octets>;
  private readonly seen: Set<string> = new Set<string>();

  private constructor(files: ReadonlyMap<string, Octets>) {
    this.files = files;
  }

  static async load(expected: SimOptions["expect"]): Promise<ContentCheck> {
    const files = new Map<string, Octets>();
    for (const [name, path] of expected) {
      try {
        files.set(name, new Octets(await readFile(path)));
      } catch (cause) {
        throw new AgentError("E_USAGE", `--expect ${name}: cannot read ${path}`, { cause });
      }
    }
    return new ContentCheck(files);
  }

  readonly sink = (file: string, fileAt: number, o: Octets, at: number, len: number) => {
    const want = this.named(file);
    if (!want) return undefined;
    for (let i = 0; i < len; i++) {
      if (o.u8[at + i] !== want.u8[fileAt + i]) return `octet ${fileAt + i} is not as expected`;
    }
    return undefined;
  };

  readonly expect = (file: string): ExpectedFile | undefined => {
    const want = this.named(file);
    return want && { size: want.u8.length, crc32: crc32(want, 0, want.u8.length) };
  };

  /** The event, or a failure in its place when the machine has booted without one of the files. */
  judge(event: FirmwareEvent): FirmwareEvent {
    if (event.kind !== "booted") return event;
    const missing = [...this.files.keys()].filter((name) => !this.seen.has(name));
    if (missing.length === 0) return event;
    const reason = `booted without asking for ${missing.join(", ")}`;
    return { kind: "failed", stage: "expect", reason };
  }

  /** The file expected under a name: the whole name, or what comes after the last slash of a URL or path. */
  private named(file: string): Octets | undefined {
    const last = file.split("?")[0]?.split("/").at(-1) ?? file;
    const name = this.files.has(file) ? file : last;
    const found = this.files.get(name);
    if (found) this.seen.add(name);
    return found;
  }
}

function eventText(event: FirmwareEvent): string {
  switch (event.kind) {
    case "step":
      return `${event.stage.padEnd(10)} ${event.text}`;
    case "transfer": {
      const total = event.total === null ? "" : ` of ${event.total}`;
      const done = event.done ? ", done" : "";
      return `${event.protocol.padEnd(10)} ${event.file}: ${event.octets}${total} octets${done}`;
    }
    case "booted":
      return `${"booted".padEnd(10)} ${event.octets} octets`;
    case "failed":
      return `${"failed".padEnd(10)} ${event.stage}: ${event.reason}`;
  }
}

function macArgument(text: string): Uint8Array {
  const mac = parseMac(text);
  if (!mac) throw new InvalidArgumentError("It looks like 52:54:00:aa:00:02.");
  return mac;
}

function uuidArgument(text: string): Uint8Array {
  const uuid = parseUuid(text);
  if (!uuid) throw new InvalidArgumentError("It looks like 11223344-5566-7788-99aa-bbccddeeff00.");
  return uuid;
}

function secondsArgument(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0) {
    throw new InvalidArgumentError("It is a number of seconds above 0.");
  }
  return seconds;
}

function expectArgument(text: string, before: SimOptions["expect"]): SimOptions["expect"] {
  const equals = text.indexOf("=");
  if (equals <= 0 || equals === text.length - 1) {
    throw new InvalidArgumentError("It looks like vmlinuz=./vmlinuz.");
  }
  return [...before, [text.slice(0, equals), text.slice(equals + 1)]];
}
