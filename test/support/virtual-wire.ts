import { copyOctets } from "../../firmware-sim/stack/copy-octets.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { seededRandom, VirtualClock } from "./virtual-clock.ts";

/** Anything that can be plugged into a `VirtualWire`: a `Firmware` and a `VirtualHost` both can. */
export interface WireNode {
  handleFrame(o: Octets, at: number, len: number, nowMs: number): void;
  pollTransmit(o: Octets, at: number, nowMs: number): number;
  pollTimeout(): number;
  handleTimeout(nowMs: number): void;
  /** The wire runs until every node that has this says true. */
  readonly finished?: boolean;
}

/** How the wire behaves. Loss and duplication are chances from 0 to 1, drawn for each receiver of each frame. */
export interface WireConditions {
  readonly loss?: number;
  readonly duplication?: number;
  readonly seed?: number;
  /** Time from one end to the other. */
  readonly latencyMs?: number;
  /** Sees every frame that is sent, before loss: a tap for assertions. `frame` is a copy. */
  readonly tap?: (frame: Uint8Array, nowMs: number) => void;
}

/** Turns of the event loop that promises get before virtual time moves. */
const IDLE_TURNS = 16;

interface Delivery {
  readonly dueMs: number;
  readonly to: WireNode;
  readonly frame: Uint8Array;
}

/** Longer than a frame with segmentation offload ever is. */
const SLAB_LEN = 65_600;
/** A run that delivers more frames than this without an end is a storm, not a test. */
const FRAME_LIMIT = 20_000_000;

/**
 * A shared medium: every frame reaches every other node, in order, after the same latency.
 *
 * Time jumps to the next delivery or deadline, so nothing ever sleeps and the same seed replays the same run.
 */
export class VirtualWire {
  readonly clock: VirtualClock;
  private readonly nodes: WireNode[] = [];
  private readonly slab: Octets = Octets.alloc(SLAB_LEN);
  private readonly random: () => number;
  private readonly conditions: WireConditions;
  private inFlight: Delivery[] = [];
  private head = 0;
  private readonly timeline: { dueMs: number; run: () => void }[] = [];

  constructor(conditions: WireConditions = {}, clock: VirtualClock = new VirtualClock()) {
    this.conditions = conditions;
    this.clock = clock;
    this.random = seededRandom(conditions.seed ?? 1);
  }

  /** Plugs a node in. */
  join(...nodes: WireNode[]): this {
    this.nodes.push(...nodes);
    return this;
  }

  /** Pulls a node out: frames already on their way to it are lost. */
  leave(node: WireNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.inFlight = this.inFlight.slice(this.head).filter((d) => d.to !== node);
    this.head = 0;
  }

  /** Calls `run` at an absolute virtual time: to pull a plug, power a machine, change a server. */
  at(dueMs: number, run: () => void): void {
    this.timeline.push({ dueMs, run });
    this.timeline.sort((a, b) => a.dueMs - b.dueMs);
  }

  /** Runs until every finishing node has finished (true), or the virtual time `limitMs` is reached (false). */
  run(limitMs: number): boolean {
    const end = this.clock.nowMs + limitMs;
    for (let frames = 0; frames < FRAME_LIMIT; frames++) {
      this.collect();
      if (this.allFinished()) return true;
      const next = this.nextMs();
      if (next > end) {
        this.clock.advanceTo(end);
        return false;
      }
      this.clock.advanceTo(next);
      this.step();
    }
    throw new Error(`frame storm: ${FRAME_LIMIT} steps by ${this.clock.nowMs} ms`);
  }

  /**
   * As `run`, for nodes that work with promises: before time jumps, and so never while a frame is on its way, pending
   * callbacks get their turns, for as long as `isBusy` says that something is still being read.
   */
  async runAsync(limitMs: number, isBusy: () => boolean = () => false): Promise<boolean> {
    const end = this.clock.nowMs + limitMs;
    for (let frames = 0; frames < FRAME_LIMIT; frames++) {
      this.collect();
      if (this.head === this.inFlight.length) {
        // What was read may be what lets the next thing be read.
        for (let idle = 0; idle < IDLE_TURNS; idle = isBusy() ? 0 : idle + 1) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        this.collect();
      }
      if (this.allFinished()) return true;
      const next = this.nextMs();
      if (next > end) {
        this.clock.advanceTo(end);
        return false;
      }
      this.clock.advanceTo(next);
      this.step();
    }
    throw new Error(`frame storm: ${FRAME_LIMIT} steps by ${this.clock.nowMs} ms`);
  }

  private allFinished(): boolean {
    let any = false;
    for (const node of this.nodes) {
      if (node.finished === undefined) continue;
      if (!node.finished) return false;
      any = true;
    }
    return any && this.head === this.inFlight.length;
  }

  private nextMs(): number {
    let next = this.inFlight[this.head]?.dueMs ?? Number.POSITIVE_INFINITY;
    next = Math.min(next, this.timeline[0]?.dueMs ?? Number.POSITIVE_INFINITY);
    for (const node of this.nodes) next = Math.min(next, node.pollTimeout());
    return next;
  }

  private step(): void {
    const { nowMs } = this.clock;
    while ((this.timeline[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
      this.timeline.shift()?.run();
    }
    const delivery = this.inFlight[this.head];
    if (delivery && delivery.dueMs <= nowMs) {
      this.head++;
      if (this.head > 1_024) {
        this.inFlight = this.inFlight.slice(this.head);
        this.head = 0;
      }
      // Exactly as long as the frame, so that an over-read throws; a Buffer, and spoilt afterwards, so that whoever keeps a
      // window onto it instead of a copy is found out.
      const rx = new Octets(Buffer.from(delivery.frame));
      delivery.to.handleFrame(rx, 0, rx.u8.length, nowMs);
      rx.u8.fill(0xa5);
      return;
    }
    for (const node of this.nodes) if (node.pollTimeout() <= nowMs) node.handleTimeout(nowMs);
  }

  private collect(): void {
    const { nowMs } = this.clock;
    for (const node of this.nodes) {
      for (;;) {
        const len = node.pollTransmit(this.slab, 0, nowMs);
        if (len === 0) break;
        this.send(node, copyOctets(this.slab, 0, len));
      }
    }
  }

  private send(from: WireNode, frame: Uint8Array): void {
    const { loss = 0, duplication = 0, latencyMs = 0.05, tap } = this.conditions;
    tap?.(frame, this.clock.nowMs);
    const dueMs = this.clock.nowMs + latencyMs;
    for (const to of this.nodes) {
      if (to === from) continue;
      if (this.chance(loss)) continue;
      this.inFlight.push({ dueMs, to, frame });
      if (this.chance(duplication)) this.inFlight.push({ dueMs, to, frame });
    }
  }

  private chance(probability: number): boolean {
    return probability > 0 && this.random() / 0x1_0000_0000 < probability;
  }
}
