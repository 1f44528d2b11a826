import v8 from "node:v8";
import { Octets } from "../../../protocols/wire/octets.ts";
import { AllocationMeter } from "./allocation-meter.ts";
import { type GuardedOctets, guard } from "./guard.ts";
import { DEFAULT_LIMITS, type Limits, type Target } from "./target.ts";
import { Trace, Violation } from "./trace.ts";

/** Octets of filler on either side of an input in a slab. */
const MARGIN = 64;
/** Of so many executions, one runs on guarded memory. */
const GUARD_EVERY = 16;
/** Reads that every input may cost, however short: several views look at the same octets. */
const FREE_READS = 4_096;
const FREE_HEAP = 4 * 1024 * 1024;
const HEAP_PER_OCTET = 4 * 1024;
const FILLERS: readonly number[] = [0x01, 0xff];

/** An input that broke an invariant. */
export interface Finding {
  readonly input: Uint8Array;
  /** What did not hold; findings with equal words are one. */
  readonly what: string;
}

interface Slab {
  readonly octets: Octets;
  readonly filler: number;
  used: number;
}

/**
 * Runs a target on an input in every way that must not make a difference, and says what did.
 *
 * Once where memory ends with the input, and twice in the middle of a slab with another filler around it: a read outside the
 * window then throws, or gives something else each time. Now and then also on memory that guards every single read.
 */
export class Executor {
  /** Times that the target ran on an input; each is three or four runs. */
  executions = 0;
  private readonly target: Target;
  private readonly limits: Limits;
  private readonly meter = new AllocationMeter();
  private readonly first = new Trace();
  private readonly second = new Trace();
  private readonly slabs: readonly Slab[];
  private readonly guarded: GuardedOctets;

  constructor(target: Target) {
    this.target = target;
    this.limits = { ...DEFAULT_LIMITS, ...target.limits };
    this.slabs = FILLERS.map((filler) => {
      const octets = Octets.alloc(target.maxLen + 2 * MARGIN);
      octets.u8.fill(filler);
      return { octets, filler, used: 0 };
    });
    this.guarded = guard(this.slabs[0]?.octets ?? Octets.alloc(0));
    this.meter.start();
  }

  /** Takes the instruments away. */
  close(): void {
    this.meter.stop();
  }

  /** Runs one input; undefined when everything held. */
  execute(input: Uint8Array): Finding | undefined {
    this.executions += 1;
    let what = this.run(new Octets(input), 0, input.length, this.first, "");
    for (const slab of this.slabs) {
      if (what || !this.limits.inPlace) break;
      place(slab, input);
      what = this.run(slab.octets, MARGIN, input.length, this.second, "in a slab: ");
      what ??= this.compare(slab.filler);
    }
    if (!what && this.executions % GUARD_EVERY === 0) what = this.inspect(input);
    return what ? { input, what } : undefined;
  }

  /** The instruments that are too slow for every input: guarded memory and the heap's growth. */
  inspect(input: Uint8Array): string | undefined {
    if (!this.limits.guarded) return undefined;
    const [slab] = this.slabs;
    if (slab) place(slab, input);
    const { readsPerOctet } = this.limits;
    this.guarded.allow(MARGIN, input.length, readsPerOctet * input.length + FREE_READS);
    const { octets } = this.guarded;
    const what = this.run(octets, MARGIN, input.length, this.second, "on guarded memory: ");
    return what ?? this.heapGrowth(input);
  }

  /** Milliseconds that an input takes: the best of three, since the machine has other things to do. */
  time(input: Uint8Array): number {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i++) {
      const from = performance.now();
      this.execute(input);
      best = Math.min(best, performance.now() - from);
    }
    return best;
  }

  /** Whether an input takes longer than the target allows. */
  tooSlow(input: Uint8Array): Finding | undefined {
    const { ms } = this.limits;
    return this.time(input) > ms ? { input, what: `takes longer than ${ms} ms` } : undefined;
  }

  private run(o: Octets, at: number, len: number, trace: Trace, where: string): string | undefined {
    trace.begin(at, len);
    this.meter.octets = 0;
    try {
      this.target.run(o, at, len, trace);
    } catch (error) {
      return `${where}${describe(error)}`;
    }
    const { allocatedOctets } = this.limits;
    return this.meter.octets > allocatedOctets
      ? `${where}allocates more than ${allocatedOctets} octets`
      : undefined;
  }

  private compare(filler: number): string | undefined {
    const i = this.second.differsFrom(this.first);
    if (i < 0) return undefined;
    const found = `${String(this.second.values[i])}, not ${String(this.first.values[i])}`;
    return `depends on what lies around the window (filler ${filler}): value ${i} is ${found}`;
  }

  /** Growth that comes every time is the target's, not the compiler's. */
  private heapGrowth(input: Uint8Array): string | undefined {
    const limit = FREE_HEAP + HEAP_PER_OCTET * input.length;
    const exact = new Octets(input);
    for (let i = 0; i < 3; i++) {
      const before = heapOctets();
      this.run(exact, 0, input.length, this.second, "");
      if (heapOctets() - before <= limit) return undefined;
    }
    return `grows the heap by more than ${limit} octets`;
  }
}

function place(slab: Slab, input: Uint8Array): void {
  const { u8 } = slab.octets;
  u8.set(input, MARGIN);
  if (slab.used > input.length) u8.fill(slab.filler, MARGIN + input.length, MARGIN + slab.used);
  slab.used = input.length;
}

function heapOctets(): number {
  const { used_heap_size: heap, external_memory: external } = v8.getHeapStatistics();
  return heap + external;
}

/** The error and the place in the sources that threw it, without line numbers of the harness. */
function describe(error: unknown): string {
  if (error instanceof Violation) return error.message;
  if (!(error instanceof Error)) return `throws ${String(error)}`;
  const place = error.stack?.split("\n").find((line) => /\/(protocols|agent)\//.test(line));
  const short = place?.trim().replace(/file:\/\/|\/.*?\/(?=(dist\/)?(protocols|agent)\/)/g, "");
  return `throws ${error.name}: ${error.message}${short ? ` ${short}` : ""}`;
}
