import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Family } from "../site/families.ts";
import { LONGEST_PAUSE_MS } from "./patience.ts";
import type { Question } from "./plans.ts";

/** After this long without a word from it, a machine's boot is over, whatever it asks next. */
const OVER_MS = 10 * 60_000;
/** Firmware that has loaded a file goes on with it sooner than a machine comes through its self-test. */
const RESET_MS = 10_000;
/** What may be firmware reads its first file within this after its address. */
const READ_MS = 60_000;

const NEVER: number = Number.NEGATIVE_INFINITY;

/** 0: a ROM or U-Boot. 1: what that has loaded (iPXE, GRUB, a BSD loader). 2: a kernel, or whatever has mounted a root. */
type Level = 0 | 1 | 2;

/**
 * Whether a question begins a boot. `may-begin`: of what asks for its address without saying what it is, only what it reads
 * next tells that it is firmware and not a running system.
 */
export type Verdict = "goes-on" | "begins" | "may-begin";

interface Boot {
  level: Level;
  heardMs: number;
  /** Nothing was heard for `OVER_MS`, or nothing ever. */
  over: boolean;
  /** A file was read to its end on this level. */
  loaded: boolean;
  /** U-Boot asks for its address as often as its script says, under changing names. */
  uboot: boolean;
  /** It began with firmware that does not say what it is. */
  unnamed: boolean;
  /** For how long nothing was heard before a RARP question, of which it is not known yet who asked it. */
  rarpQuietMs: number | undefined;
  /** When a question came that may begin a boot. */
  maybeMs: number;
}

/** What comes after a ROM, or may. */
const LATER: ReadonlySet<Family> = new Set<Family>([
  "ipxe",
  "bsd-loader",
  "linux-kernel",
  "unknown",
]);

/**
 * Tells where one boot of a machine ends and the next begins, by what it asks. README.md has the rule.
 *
 * One entry a machine of the site: callers ask for no others.
 */
export class Boots {
  private readonly boots = new Map<MacText, Boot>();
  private readonly now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** A machine gave a sign of life. */
  heard(mac: MacText): void {
    const boot = this.boots.get(mac);
    if (boot) this.touch(boot);
  }

  /** A machine has read a file to its end. */
  loaded(mac: MacText): void {
    const boot = this.boots.get(mac);
    if (!boot) return;
    this.touch(boot);
    boot.loaded = true;
  }

  /** A machine was in the middle of a boot, or ran, when the agent stopped: any firmware's question begins another one. */
  restored(mac: MacText): void {
    this.begin(mac, 2);
  }

  /** Forgets the machines that are gone. */
  keepOnly(is: (mac: MacText) => boolean): void {
    for (const mac of this.boots.keys()) if (!is(mac)) this.boots.delete(mac);
  }

  /** Takes a question. */
  ask(mac: MacText, question: Question): Verdict {
    const boot = this.boots.get(mac) ?? this.unknown(mac);
    const quietMs = this.now() - boot.heardMs;
    this.touch(boot);
    switch (question.by) {
      case "rarp":
        if (boot.over) return this.begin(mac, 0);
        boot.rarpQuietMs = quietMs;
        return "goes-on";
      case "dhcp":
        return question.first
          ? this.askDhcp(mac, boot, question.family, quietMs)
          : this.undecided(boot);
      case "tftp":
        return this.askTftp(mac, boot);
      case "http":
        return this.undecided(boot) === "may-begin" ? this.begin(mac, 1, true) : "goes-on";
      case "rpc":
        boot.rarpQuietMs = undefined;
        if (this.undecided(boot) === "may-begin") return this.begin(mac, 2, true);
        if (!boot.over && !boot.uboot) boot.level = 2;
        return "goes-on";
    }
  }

  private askDhcp(mac: MacText, boot: Boot, family: Family, quietMs: number): Verdict {
    boot.rarpQuietMs = undefined;
    const level = !LATER.has(family) ? 0 : family === "ipxe" ? 1 : undefined;
    if (level === undefined) {
      if (boot.unnamed && quietMs > LONGEST_PAUSE_MS) boot.over = true;
      if (boot.over) {
        boot.maybeMs = this.now();
        return "may-begin";
      }
      this.raise(boot, family === "linux-kernel" ? 2 : 1);
      return "goes-on";
    }
    const scripted = boot.uboot || family === "uboot";
    const reset = boot.loaded && quietMs > RESET_MS && !scripted;
    if (boot.over || boot.level > level || quietMs > LONGEST_PAUSE_MS || reset) {
      return this.begin(mac, level, false, family === "uboot");
    }
    boot.uboot = scripted;
    this.raise(boot, level);
    return "goes-on";
  }

  /** What asks by RARP and then reads by TFTP is a PROM or U-Boot: a loader or kernel asks by RPC. */
  private askTftp(mac: MacText, boot: Boot): Verdict {
    const { rarpQuietMs, level, loaded } = boot;
    boot.rarpQuietMs = undefined;
    if (boot.over) return this.begin(mac, 0, this.undecided(boot) === "may-begin");
    if (rarpQuietMs === undefined) return "goes-on";
    const anew = level > 0 || loaded || rarpQuietMs > LONGEST_PAUSE_MS;
    return anew ? this.begin(mac, 0) : "goes-on";
  }

  private undecided(boot: Boot): Verdict {
    return boot.over && this.now() - boot.maybeMs <= READ_MS ? "may-begin" : "goes-on";
  }

  private raise(boot: Boot, level: Level): void {
    if (level <= boot.level) return;
    boot.level = level;
    boot.loaded = false;
  }

  private touch(boot: Boot): void {
    const nowMs = this.now();
    if (nowMs - boot.heardMs > OVER_MS) boot.over = true;
    boot.heardMs = nowMs;
  }

  private begin(mac: MacText, level: Level, unnamed = false, uboot = false): "begins" {
    this.boots.set(mac, {
      level,
      heardMs: this.now(),
      over: false,
      loaded: false,
      uboot,
      unnamed,
      rarpQuietMs: undefined,
      maybeMs: NEVER,
    });
    return "begins";
  }

  private unknown(mac: MacText): Boot {
    this.begin(mac, 0);
    const boot = this.boots.get(mac) as Boot;
    boot.over = true;
    return boot;
  }
}
