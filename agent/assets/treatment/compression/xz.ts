import type { OctetReader } from "../octet-reader.ts";
import { Pace } from "../pace.ts";
import { Refusal } from "../refusal.ts";

/**
 * What we use of xz-decompress 0.2.3: xz-embedded in WebAssembly.
 *
 * Its own ReadableStream lets one stream run at a time in the whole process, for ever if its reader goes away, and takes
 * nothing behind the first stream of a file. So we drive its engine ourselves, one instance a file.
 */
interface Engine {
  readonly memory: { readonly buffer: ArrayBuffer };
  create_context(): number;
  destroy_context(context: number): void;
  supply_input(context: number, len: number): void;
  get_next_output(context: number): number;
}
interface EngineLoader {
  _moduleInstance: { readonly exports: Engine } | undefined;
  _getModuleInstance(): Promise<void>;
}

// Fields of a context, in 32-bit words.
const BUFFER_LEN = 0;
const IN = 1;
const IN_POS = 2;
const IN_LEN = 3;
const OUT_POS = 5;
const FIELDS = 7;

const OK = 0;
const STREAM_END = 1;
/** `enum xz_ret` of xz-embedded. */
const FAILURES: Readonly<Record<number, string>> = {
  3: "needs more memory than there is",
  4: "wants a dictionary of more than 64 MiB; compress it with `xz -9` or less",
  5: "is not xz",
  6: "uses a filter or a check that is not supported; compress it with `xz --check=crc32 --lzma2`",
  7: "is damaged",
  8: "is cut short or damaged",
};

const STREAM_MAGIC = Buffer.from("fd377a585a00", "hex");

/**
 * The .xz format: every stream of it, with CRC-32, CRC-64 and index checked. At most 64 MiB of dictionary (what `xz -9`
 * makes). No filters but LZMA2 and no SHA-256 check: the engine has none.
 */
export async function* unxz(reader: OctetReader): AsyncGenerator<Uint8Array, void, undefined> {
  const pace = new Pace();
  const engine = await takeEngine();
  try {
    yield* allStreams(engine, reader, pace);
  } finally {
    giveBack(engine);
  }
}

async function* allStreams(
  engine: Engine,
  reader: OctetReader,
  pace: Pace,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    yield* oneStream(engine, reader, pace);
    // Stream padding: zeros in fours (section 2.2).
    let next = await reader.peek(4);
    while (next.length === 4 && next.every((octet) => octet === 0)) {
      await reader.skip(4, "padding");
      if (pace.due()) await pace.rest();
      next = await reader.peek(4);
    }
    if (next.length === 0) return;
    next = await reader.peek(STREAM_MAGIC.length);
    if (!STREAM_MAGIC.equals(next))
      throw new Refusal("is cut short, or has something else behind its end");
  }
}

async function* oneStream(
  engine: Engine,
  reader: OctetReader,
  pace: Pace,
): AsyncGenerator<Uint8Array, void, undefined> {
  const context = engine.create_context();
  try {
    for (;;) {
      let fields = fieldsOf(engine, context);
      if (fields[IN_POS] === fields[IN_LEN]) {
        const piece = await reader.some(fields[BUFFER_LEN] ?? 0);
        // At the end there may still be something to come out; else the engine says that it cannot go on.
        if (piece !== undefined) new Uint8Array(engine.memory.buffer).set(piece, fields[IN] ?? 0);
        engine.supply_input(context, piece?.length ?? 0);
      }
      const result = run(engine, context);
      // Its memory is another buffer when it grew.
      fields = fieldsOf(engine, context);
      const [, at = 0, pos = 0, len = 0, outAt = 0, outLen = 0] = fields;
      if (outLen > 0) {
        yield new Uint8Array(engine.memory.buffer).slice(outAt, outAt + outLen);
        fieldsOf(engine, context)[OUT_POS] = 0;
      }
      if (result === STREAM_END) {
        reader.unread(new Uint8Array(engine.memory.buffer).slice(at + pos, at + len));
        return;
      }
      if (result !== OK) throw new Refusal(FAILURES[result] ?? `is damaged (${result})`);
      if (pace.due()) await pace.rest();
    }
  } finally {
    engine.destroy_context(context);
  }
}

function fieldsOf(engine: Engine, context: number): Uint32Array {
  return new Uint32Array(engine.memory.buffer, context, FIELDS);
}

function run(engine: Engine, context: number): number {
  try {
    return engine.get_next_output(context);
  } catch (error) {
    broken.add(engine);
    throw new Refusal("is damaged", { cause: error });
  }
}

/** Memory above which an engine is not kept; that of one never shrinks. */
const KEPT_MEMORY = 12 * 1024 * 1024;
/** The engine that nobody uses: to make one takes 10 ms. */
let idle: Engine | undefined;
/** Engines that trapped: what state they are in nobody knows. */
const broken = new WeakSet<Engine>();

async function takeEngine(): Promise<Engine> {
  const engine = idle ?? (await loadEngine());
  idle = undefined;
  return engine;
}

function giveBack(engine: Engine): void {
  if (!broken.has(engine) && engine.memory.buffer.byteLength <= KEPT_MEMORY) idle = engine;
}

/** An engine with memory of its own. */
async function loadEngine(): Promise<Engine> {
  const { default: xz } = await import("xz-decompress");
  const loader = xz.XzReadableStream as unknown as EngineLoader;
  await loader._getModuleInstance();
  const instance = loader._moduleInstance;
  // Else its memory would be kept until the next file.
  loader._moduleInstance = undefined;
  return instance === undefined ? loadEngine() : instance.exports;
}
