import { Worker } from "node:worker_threads";
import { AgentError } from "../../errors.ts";
import { PIECE_LEN, PieceHasher } from "./pieces.ts";
import type { BlobRecord } from "./records.ts";

/** From here on a blob is worth a thread, octets: starting one takes about as long as hashing this much. */
const THREAD_FROM: number = 32 * 1024 * 1024;
/** Pieces that are filled, written or hashed at the same time. */
const INLINE_SLOTS = 2;
const THREAD_SLOTS = 16;
/** Of the thread's heap, MiB: it holds two hashes and a message. */
const THREAD_HEAP = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 } as const;

/** A buffer of one piece. */
export interface Slot {
  /** PIECE_LEN octets; another buffer after each `take`. */
  octets: Uint8Array;
  /** Resolves when its content was written and hashed, so that it may be filled again. Rejects as the write did. */
  busy: Promise<unknown>;
}

/** Computes the digests of a blob, here or in a thread of its own. */
export interface HashLane {
  /** Whether the thread hashes while something else is done here. */
  readonly apart: boolean;
  /** Octets of all that was taken so far. */
  readonly size: number;
  /** Where pieces are put together. */
  readonly slots: readonly Slot[];
  /**
   * The next piece: a full slot, or the first `len` octets of the last one. They are left alone until `written` resolves.
   * Resolves when they are hashed and the slot has its buffer again; rejects as `written` does, or with E_CACHE.
   */
  take(slot: Slot, len: number, written: Promise<unknown>): Promise<void>;
  /** No more octets come. */
  finish(): Promise<BlobRecord>;
  /** Ends the thread, whatever it is at. */
  close(): void;
}

/** `size`: of the blob, where it is known. `thread`: whether there may be one. */
export function openHashLane(size: number | undefined, thread: boolean): HashLane {
  return thread && (size ?? 0) >= THREAD_FROM ? new ThreadLane() : new InlineLane();
}

class InlineLane implements HashLane {
  readonly apart = false;
  readonly slots: readonly Slot[] = emptySlots(INLINE_SLOTS);
  private readonly hasher = new PieceHasher();

  get size(): number {
    return this.hasher.size;
  }

  async take({ octets }: Slot, len: number, written: Promise<unknown>): Promise<void> {
    this.hasher.piece(octets.subarray(0, len));
    await written;
  }

  async finish(): Promise<BlobRecord> {
    return this.hasher.finish();
  }

  close(): void {
    // There is nothing to end.
  }
}

/**
 * The thread, as text: a file of its own would have another name before and after compilation. Each message is a piece, which
 * comes back with its digest; `null` asks for the digest of all.
 */
const THREAD = `
const { createHash, hash } = require("node:crypto");
const { parentPort } = require("node:worker_threads");
const whole = createHash("sha256");
parentPort.on("message", (octets) => {
  if (octets === null) {
    parentPort.postMessage({ digest: whole.digest() });
    return;
  }
  whole.update(octets);
  parentPort.postMessage({ digest: hash("sha256", octets, "buffer"), octets }, [octets.buffer]);
});
`;

interface Answer {
  readonly digest: Uint8Array;
  /** What it is of: its memory is ours again. */
  readonly octets?: Uint8Array<ArrayBuffer>;
}

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Both digests in one thread: what comes from the network and what goes to the disk meanwhile does not wait for them.
 *
 * Buffers go there and back. Memory that both threads see would spare that, but V8 copies octets into it one word at a time.
 */
class ThreadLane implements HashLane {
  readonly apart = true;
  readonly slots: readonly Slot[] = emptySlots(THREAD_SLOTS);
  size = 0;
  private readonly worker = new Worker(THREAD, {
    eval: true,
    resourceLimits: THREAD_HEAP,
    execArgv: [],
    env: {},
  });
  private readonly asked: Asked[] = [];
  private readonly pieces: Uint8Array[] = [];
  private last: Promise<unknown> = Promise.resolve();
  private failure: AgentError | undefined;

  constructor() {
    this.worker.on("message", (answer: Answer) => this.asked.shift()?.resolve(answer));
    // A host that is short of threads or memory: the transfer is tried again later.
    this.worker.on("error", (cause) => this.fail(cause));
    this.worker.on("exit", () => this.fail(undefined));
  }

  async take(slot: Slot, len: number, written: Promise<unknown>): Promise<void> {
    this.size += len;
    const answer = written.then(() => this.ask(slot.octets.subarray(0, len)));
    this.last = answer;
    const { digest, octets } = await answer;
    this.pieces.push(digest);
    if (octets) slot.octets = new Uint8Array(octets.buffer);
  }

  async finish(): Promise<BlobRecord> {
    await this.last;
    const { digest: whole } = await this.ask(null);
    this.close();
    return {
      digest: Buffer.from(whole).toString("hex"),
      size: this.size,
      pieceLen: PIECE_LEN,
      pieces: new Uint8Array(Buffer.concat(this.pieces)),
    };
  }

  close(): void {
    void this.worker.terminate();
  }

  private ask(octets: Uint8Array | null): Promise<Answer> {
    if (this.failure) return Promise.reject(this.failure);
    const answer = new Promise<Answer>((resolve, reject) => {
      this.asked.push({ resolve, reject });
    });
    const { buffer } = octets ?? {};
    this.worker.postMessage(octets, buffer instanceof ArrayBuffer ? [buffer] : []);
    return answer;
  }

  private fail(cause: unknown): void {
    this.failure ??= new AgentError("E_CACHE", "the thread that hashes has ended", { cause });
    for (const { reject } of this.asked.splice(0)) reject(this.failure);
  }
}

function emptySlots(count: number): readonly Slot[] {
  return Array.from({ length: count }, () => ({
    octets: new Uint8Array(PIECE_LEN),
    busy: Promise.resolve(),
  }));
}
