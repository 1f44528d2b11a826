import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Child } from "./child.ts";
import { type GuestPrograms, makeProgramsDisk } from "./guest-programs.ts";
import { POWERGUEST_INITRAMFS, POWERGUEST_KERNEL } from "./products.ts";
import { type Instant, SECTOR, VolatileDisk } from "./volatile-disk.ts";

/** What a guest is that loses its power again and again. */
export interface PowerGuestOptions extends GuestPrograms {
  /** Octets of its disk. */
  readonly diskLen: number;
  /** Where the consoles go: one file a boot. */
  readonly evidence: string;
}

/** How power is cut. */
export interface Cut {
  /** From the line that `after` matches, ms. */
  readonly afterMs: number;
  readonly instant: Instant;
  /** For each sector that was written since the last flush: whether it is there afterwards. */
  readonly survives: () => boolean;
}

/** What a guest did until its power was cut, or until it ended. */
export interface Boot {
  /** Whole lines of the console. */
  readonly lines: readonly string[];
  /** Requests of the guest between the line `after` and the cut. */
  readonly writes: number;
  readonly flushes: number;
  /** Sectors that were lost. */
  readonly lost: number;
}

/** Until a guest has done what is asked of it, under software emulation on a busy machine. */
const PATIENCE_MS = 150_000;
const MEMORY_MIB = 512;

/**
 * A PC in QEMU with a disk that survives it, and that forgets what it was not asked to flush: ext4 with the default mount
 * options, made once. Needs `test/real/prepare` and a compiled `dist/`. Emulated by software like all guests here: there are
 * hosts with a /dev/kvm whose guests never come up.
 */
export class PowerGuest {
  private readonly options: PowerGuestOptions;
  private readonly dir: string;
  private readonly programs: string;
  private readonly disk: VolatileDisk;
  private child: Child | undefined;
  private boots = 0;

  private constructor(
    options: PowerGuestOptions,
    dir: string,
    programs: string,
    disk: VolatileDisk,
  ) {
    this.options = options;
    this.dir = dir;
    this.programs = programs;
    this.disk = disk;
  }

  static async make(options: PowerGuestOptions): Promise<PowerGuest> {
    const { diskLen, evidence } = options;
    rmSync(evidence, { recursive: true, force: true });
    mkdirSync(evidence, { recursive: true });
    const dir = mkdtempSync(path.join(tmpdir(), "pilotlight-guest-"));
    try {
      const programs = makeProgramsDisk(dir, options);
      const disk = await VolatileDisk.start(emptyDisk(dir, diskLen));
      return new PowerGuest(options, dir, programs, disk);
    } catch (error) {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Switches it on, waits for a line that `after` matches, and cuts the power. Rejects, with the end of the console, when the
   * guest ends by itself before that.
   */
  async runUntilCut(args: readonly string[], after: RegExp, cut: Cut): Promise<Boot> {
    const child = this.switchOn(args);
    await this.seen(child, after);
    const [writes, flushes] = [this.disk.writes, this.disk.flushes];
    // A worker that dies is not cut off, and says why; the timer is the time that it works.
    if ((await child.until(undefined, cut.afterMs)) === "exit") throw this.fault("ended by itself");
    const failed = this.disk.powerFails(cut.instant).then(() => true as const);
    const ended = child.until(undefined, PATIENCE_MS).then(() => false as const);
    if (!(await Promise.race([failed, ended]))) {
      throw this.fault(`did nothing of the kind "${cut.instant}" any more`);
    }
    const done = { writes: this.disk.writes - writes, flushes: this.disk.flushes - flushes };
    await this.switchOff(child);
    return { lines: wholeLines(child), ...done, lost: this.disk.powerReturns(cut.survives) };
  }

  /** Switches it on and lets the worker end. Rejects unless it does with status 0. */
  async runToEnd(args: readonly string[]): Promise<Boot> {
    const child = this.switchOn(args);
    await this.seen(child, /^GUEST-END 0\n/m);
    await child.until(undefined, PATIENCE_MS);
    const done = { writes: this.disk.writes, flushes: this.disk.flushes };
    await this.switchOff(child);
    return { lines: wholeLines(child), ...done, lost: this.disk.powerReturns(() => true) };
  }

  /** The end of the last console, for errors. */
  fault(what: string): Error {
    const { evidence } = this.options;
    const tail = this.child?.tail() ?? "";
    return new Error(
      `boot ${this.boots} ${what}; consoles: ${evidence}/; its last lines:\n${tail}`,
    );
  }

  /** Takes away everything but the consoles. */
  async close(): Promise<void> {
    if (this.child) await this.switchOff(this.child);
    await this.disk.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private switchOn(args: readonly string[]): Child {
    this.boots++;
    const name = `console-${String(this.boots).padStart(2, "0")}.log`;
    const command = qemu(this.programs, this.disk.socket, [
      "/bin/node",
      path.join("/app", this.options.worker),
      "/state",
      ...args,
    ]);
    const child = new Child(command, path.join(this.options.evidence, name));
    this.child = child;
    return child;
  }

  private async switchOff(child: Child): Promise<void> {
    await child.stop("SIGKILL");
  }

  private async seen(child: Child, line: RegExp): Promise<void> {
    const either = new RegExp(`${line.source}|^(FAULT|GUEST-FAULT|GUEST-END) .*\\n`, "m");
    const result = await child.until(either, PATIENCE_MS);
    if (line.test(child.text)) return;
    throw this.fault(
      result === "match"
        ? "found a fault"
        : `did not say ${line} (${result} after ${PATIENCE_MS} ms)`,
    );
  }
}

/** Lines that were cut off in the middle do not count. */
function wholeLines(child: Child): string[] {
  return child.text.split("\n").slice(0, -1);
}

function emptyDisk(dir: string, len: number): Buffer {
  const file = path.join(dir, "state.img");
  const made = ["-q", "-t", "ext4", "-b", String(SECTOR), "-F", file, `${len / SECTOR}`];
  execFileSync("mke2fs", made, { stdio: ["ignore", "ignore", "inherit"] });
  try {
    return readFileSync(file);
  } finally {
    rmSync(file);
  }
}

function qemu(programs: string, socket: string, run: readonly string[]): string[] {
  const sector = `logical_block_size=${SECTOR},physical_block_size=${SECTOR}`;
  return [
    // QEMU ends with the process that runs the tests, even if that is killed.
    ...["setpriv", "--pdeathsig", "KILL"],
    ...["qemu-system-x86_64", "-accel", "tcg", "-M", "pc", "-cpu", "max"],
    ...["-m", String(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot"],
    ...["-serial", "stdio", "-kernel", POWERGUEST_KERNEL, "-initrd", POWERGUEST_INITRAMFS],
    ...["-append", `console=ttyS0 quiet loglevel=4 panic=-1 GUEST_RUN=${run.join(",")}`],
    ...["-blockdev", `driver=file,node-name=programs,read-only=on,filename=${programs}`],
    ...["-device", "virtio-blk-pci,drive=programs"],
    ...["-blockdev", `driver=nbd,node-name=state,server.type=unix,server.path=${socket}`],
    ...["-device", `virtio-blk-pci,drive=state,write-cache=on,${sector}`],
  ];
}
