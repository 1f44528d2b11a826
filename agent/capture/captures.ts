import { randomBytes } from "node:crypto";
import { mkdir, open, rm, statfs } from "node:fs/promises";
import path from "node:path";
import type { CaptureStatus } from "../control/messages.ts";
import { AgentError } from "../errors.ts";
import type { Clock } from "../link/clock.ts";
import type { FrameLane } from "../link/frame-lane.ts";
import type { Journal } from "../log/journal.ts";
import { keepOwner } from "../state/folder.ts";
import { PcapFileWriter } from "./pcap-file-writer.ts";

const MIB = 1024 * 1024;

/** Captures that may run at a time: each has a ring in the kernel. */
const MAX_RUNNING = 2;
/** Captures that are kept, those that run included; the oldest that has ended makes room. */
const MAX_KEPT = 8;
const DEFAULT_OCTETS: number = 16 * MIB;
const LEAST_OCTETS: number = 64 * 1024;
const MOST_OCTETS: number = 64 * MIB;
const DEFAULT_S = 300;
const MOST_S = 3_600;
/** Free space of the disk that captures leave alone, octets. */
const SPARE_OCTETS: number = 64 * MIB;
/** How often what has come is written and bounds are looked at, ms. */
const TICK_MS = 1_000;
/** Octets of a piece that is read. */
const PIECE_LEN: number = 64 * 1024;

/** What captures are made with. */
export interface CapturesInput {
  /** The agent's state folder. */
  readonly stateDir: string;
  /**
   * Opens an interface for a filter of pcap-filter(7), "" for all frames. Rejects with E_USAGE when libpcap does not take it,
   * else as `openFrameLane`.
   */
  readonly openLane: (interfaceName: string, filter: string) => Promise<FrameLane>;
  readonly clock: Clock;
  /** Nanoseconds since 1970. */
  readonly wallNs: () => bigint;
  readonly journal: Journal;
}

/** What is to be captured. */
export interface CaptureRequest {
  readonly interfaceName: string;
  readonly filter: string;
  /** Octets of the file at most; 16 MiB unless it says otherwise. */
  readonly maxOctets?: number;
  /** Seconds; 300 unless it says otherwise. */
  readonly maxS?: number;
  /** Who wants it. */
  readonly by: string;
}

interface Capture {
  readonly id: string;
  readonly file: string;
  readonly request: CaptureRequest;
  readonly startedMs: number;
  readonly writer: PcapFileWriter;
  /** Undefined: it has ended. */
  running: { readonly lane: FrameLane; readonly endMs: number; cancel: () => void } | undefined;
  /** Resolves when all of it is in the file. */
  ended: Promise<void> | undefined;
  /** It reached a bound. */
  full: boolean;
}

/**
 * Captures of an interface in pcap files of the state folder, bounded in size, time and number.
 *
 * They are for the moment: whatever an agent left behind is removed when the next one starts.
 */
export class Captures {
  private readonly input: CapturesInput;
  private readonly dir: string;
  private readonly captures = new Map<string, Capture>();
  private starting = 0;

  private constructor(input: CapturesInput) {
    this.input = input;
    this.dir = path.join(input.stateDir, "captures");
  }

  /** Empties the folder. Rejects with E_STATE. */
  static async create(input: CapturesInput): Promise<Captures> {
    const captures = new Captures(input);
    await captures.clear();
    return captures;
  }

  list(): readonly CaptureStatus[] {
    return [...this.captures.values()].map(statusOf);
  }

  /** Begins one. Rejects with E_USAGE for a filter or bound that cannot be, E_BUSY when two run, E_STATE without room. */
  async start(request: CaptureRequest): Promise<CaptureStatus> {
    const maxOctets = bounded("maxOctets", request.maxOctets, {
      least: LEAST_OCTETS,
      most: MOST_OCTETS,
      usual: DEFAULT_OCTETS,
    });
    const maxS = bounded("maxS", request.maxS, { least: 1, most: MOST_S, usual: DEFAULT_S });
    const running = [...this.captures.values()].filter((c) => c.running).length;
    if (running + this.starting >= MAX_RUNNING) {
      throw new AgentError("E_BUSY", `${MAX_RUNNING} captures run already`, {
        cure: "Stop one of them, or wait for it to end.",
      });
    }
    this.starting += 1;
    try {
      return await this.begin(request, maxOctets, maxS * 1_000);
    } finally {
      this.starting -= 1;
    }
  }

  /** Ends one; of one that has ended, its status. Rejects with E_NOT_FOUND. */
  async stop(id: string): Promise<CaptureStatus> {
    const capture = this.find(id);
    await this.finish(capture, "it was stopped");
    return statusOf(capture);
  }

  /** The file so far, in pieces. Throws E_NOT_FOUND. */
  async *read(id: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const capture = this.find(id);
    const handle = await open(capture.file, "r").catch((cause: unknown) => {
      throw new AgentError("E_NOT_FOUND", `capture ${id} is gone`, { cause });
    });
    try {
      await (capture.ended ?? capture.writer.flush());
      const { size } = await handle.stat();
      for (let at = 0; at < size && !signal.aborted; ) {
        const piece = Buffer.alloc(Math.min(PIECE_LEN, size - at));
        const { bytesRead } = await handle.read(piece, 0, piece.length, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** Ends those that run and removes all files. */
  async close(): Promise<void> {
    for (const capture of this.captures.values()) await this.finish(capture, "the agent stops");
    this.captures.clear();
    await this.clear();
  }

  private async begin(
    request: CaptureRequest,
    maxOctets: number,
    maxMs: number,
  ): Promise<CaptureStatus> {
    const { clock } = this.input;
    await this.needRoom(maxOctets);
    const lane = await this.input.openLane(request.interfaceName, request.filter);
    const id = randomBytes(4).toString("hex");
    const file = path.join(this.dir, `${id}.pcap`);
    let writer: PcapFileWriter;
    try {
      await this.makePlace();
      writer = await PcapFileWriter.create(file, maxOctets);
    } catch (error) {
      lane.close();
      throw error;
    }
    const [startNs, startMs] = [this.input.wallNs(), clock.now()];
    const capture: Capture = {
      id,
      file,
      request,
      startedMs: Number(startNs / 1_000_000n),
      writer,
      running: { lane, endMs: startMs + maxMs, cancel: () => {} },
      ended: undefined,
      full: false,
    };
    this.captures.set(id, capture);
    lane.onFrame((len) => {
      // The host's clock may be set meanwhile: frames keep their order and distance.
      const sinceNs = BigInt(Math.round((clock.now() - startMs) * 1e6));
      writer.add(lane.rx.u8, len, startNs + sinceNs);
      if (writer.full) void this.finish(capture, "it reached its size", true);
    });
    this.tick(capture);
    this.note(capture, `asked for by ${request.by}`, "a capture begins");
    return statusOf(capture);
  }

  /** Writes what has come, and ends what has reached a bound. */
  private tick(capture: Capture): void {
    const { running, writer } = capture;
    if (!running) return;
    const leftMs = running.endMs - this.input.clock.now();
    if (leftMs <= 0) {
      void this.finish(capture, "its time is over", true);
      return;
    }
    running.cancel = this.input.clock.after(Math.min(TICK_MS, leftMs), () => {
      void writer.flush();
      if (writer.failure) void this.finish(capture, writer.failure.message, true);
      else this.tick(capture);
    });
  }

  private finish(capture: Capture, why: string, full = false): Promise<void> {
    capture.ended ??= this.end(capture, why, full);
    return capture.ended;
  }

  private async end(capture: Capture, why: string, full: boolean): Promise<void> {
    const { running, writer } = capture;
    capture.running = undefined;
    capture.full = full;
    running?.cancel();
    running?.lane.close();
    await writer.end();
    const slow = writer.leftOut > 0 ? `; ${writer.leftOut} left out, the disk was too slow` : "";
    const failed = writer.failure ? `; ${writer.failure.message}` : "";
    this.note(capture, `${why}: ${writer.packets} packets${slow}${failed}`, "a capture ends");
  }

  private find(id: string): Capture {
    const capture = this.captures.get(id);
    if (capture) return capture;
    const ids = [...this.captures.keys()].join(", ");
    throw new AgentError("E_NOT_FOUND", `there is no capture "${id}"`, {
      cure: `There are: ${ids || "none"}.`,
    });
  }

  private async needRoom(octets: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.dir);
    if (bavail * bsize >= octets + SPARE_OCTETS) return;
    throw new AgentError(
      "E_STATE",
      `the disk has too little room for a capture of ${octets} octets`,
      {
        cure: "Free space on the disk that holds the state folder, or ask for a smaller capture.",
      },
    );
  }

  /** Removes the oldest that have ended, so that there is a place for one more. */
  private async makePlace(): Promise<void> {
    for (const { id, file, running } of [...this.captures.values()]) {
      if (this.captures.size + this.starting <= MAX_KEPT) return;
      if (running) continue;
      this.captures.delete(id);
      await rm(file, { force: true });
    }
  }

  private async clear(): Promise<void> {
    try {
      await rm(this.dir, { recursive: true, force: true });
      await mkdir(this.dir, { mode: 0o700 });
      keepOwner(this.dir);
    } catch (cause) {
      throw new AgentError("E_STATE", `cannot empty ${this.dir}`, { cause });
    }
  }

  private note({ request }: Capture, decision: string, what: string): void {
    const { interfaceName, filter } = request;
    const event = `${what}: ${interfaceName}${filter === "" ? "" : ` ${filter}`}`;
    this.input.journal.note({ protocol: "agent", event, decision, outcome: "noted" });
  }
}

function statusOf({ id, request, startedMs, writer, running, full }: Capture): CaptureStatus {
  return {
    id,
    interface: request.interfaceName,
    filter: request.filter,
    startedAt: new Date(startedMs).toISOString(),
    running: running !== undefined,
    packets: writer.packets,
    octets: writer.octets,
    full,
  };
}

function bounded(
  name: string,
  value: number | undefined,
  { least, most, usual }: { readonly least: number; readonly most: number; readonly usual: number },
): number {
  if (value === undefined) return usual;
  if (Number.isFinite(value) && value >= least && value <= most) return Math.floor(value);
  throw new AgentError("E_USAGE", `${name} of a capture is ${least} to ${most}, not ${value}`);
}
