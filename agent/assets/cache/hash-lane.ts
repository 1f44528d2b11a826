import { Worker } from "node:worker_threads";
import { AgentError } from "../../errors.ts";
import { PIECE_LEN, PieceHasher } from "./pieces.ts";
import type { BlobRecord } from "./records.ts";

/** From here on a blob is worth a thread, octets: starting one takes about as long as hashing this much. */
const THREAD_FROM: number = 32 * 1024 * 1024;
/** Pieces that are filled, hashed or written at the same time. */
const INLINE_SLOTS = 2;
const THREAD_SLOTS = 16;
/** Of the thread's heap, MiB: it holds two hashes and a message. */
const THREAD_HEAP = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 } as const;

/** A buffer of one piece. */
export interface Slot {
  readonly octets: Uint8Array;
  /** Resolves when its content was hashed and written, so that it may be filled again. Rejects as the write did. */
  busy: Promise<unknown>;
}

/** Computes the digests of a blob, here or in a thread of its own. */
export interface HashLane {
  /** Whether the thread hashes while something else is done here. */
  readonly apart: boolean;
  /** Octets of all pieces so far. */
  readonly size: number;
  /** Where pieces are put together: no other memory may be given to `piece`. */
  readonly slots: readonly Slot[];
  /** The next piece, PIECE_LEN octets or less for the last one. Resolves when it is hashed. */
  piece(octets: Uint8Array): Promise<void>;
  /** No more pieces come. */
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
  readonly slots: readonly Slot[] = Array.from({ length: INLINE_SLOTS }, () => ({
    octets: Buffer.allocUnsafeSlow(PIECE_LEN),
    busy: Promise.resolve(),
  }));
  private readonly hasher = new PieceHasher();

  get size(): number {
    return this.hasher.size;
  }

  async piece(octets: Uint8Array): Promise<void> {
    this.hasher.piece(octets);
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
 * is answered by its digest; `null` asks for the digest of all.
 */
const THREAD = `
const { createHash } = require("node:crypto");
const { parentPort } = require("node:worker_threads");
const whole = createHash("sha256");
parentPort.on("message", (octets) => {
  if (octets === null) {
    parentPort.postMessage(whole.digest());
    return;
  }
  whole.update(octets);
  parentPort.postMessage(createHash("sha256").update(octets).digest());
});
`;

interface Asked {
  readonly resolve: (digest: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Both digests in one thread: what comes from the network and what goes to the disk meanwhile does not wait for them. */
class ThreadLane implements HashLane {
  readonly apart = true;
  readonly slots: readonly Slot[] = Array.from({ length: THREAD_SLOTS }, () => ({
    // Both threads see it, and nothing is copied.
    octets: new Uint8Array(new SharedArrayBuffer(PIECE_LEN)),
    busy: Promise.resolve(),
  }));
  size = 0;
  private readonly worker = new Worker(THREAD, {
    eval: true,
    resourceLimits: THREAD_HEAP,
    execArgv: [],
    env: {},
  });
  private readonly asked: Asked[] = [];
  private readonly pieces: Uint8Array[] = [];
  private failure: AgentError | undefined;

  constructor() {
    this.worker.on("message", (digest: Uint8Array) => this.asked.shift()?.resolve(digest));
    // A host that is short of threads or memory: the transfer is tried again later.
    this.worker.on("error", (cause) => this.fail(cause));
    this.worker.on("exit", () => this.fail(undefined));
  }

  async piece(octets: Uint8Array): Promise<void> {
    this.size += octets.length;
    this.pieces.push(await this.ask(octets));
  }

  async finish(): Promise<BlobRecord> {
    const whole = await this.ask(null);
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

  private ask(message: Uint8Array | null): Promise<Uint8Array> {
    if (this.failure) return Promise.reject(this.failure);
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      this.asked.push({ resolve, reject });
    });
    this.worker.postMessage(message);
    return answer;
  }

  private fail(cause: unknown): void {
    this.failure ??= new AgentError("E_CACHE", "the thread that hashes has ended", { cause });
    for (const { reject } of this.asked.splice(0)) reject(this.failure);
  }
}
