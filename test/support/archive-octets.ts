import { ChunkCache } from "../../agent/assets/chunk-cache.ts";
import type { Content } from "../../agent/assets/content.ts";
import type { Loan } from "../../agent/assets/loan.ts";
import type { AgentError } from "../../agent/errors.ts";

const encoder = new TextEncoder();

/** What a test says of a tar entry; the rest is as tar makes it. */
export interface TarEntry {
  readonly name: string;
  readonly type?: string;
  readonly text?: string;
  readonly linkname?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** Octal digits, or octets that are not. */
  readonly size?: string;
  readonly mtime?: string;
  readonly dev?: readonly [string, string];
  readonly prefix?: string;
  readonly magic?: string;
}

/** A tar entry: its header, and its text in whole blocks. */
export function tarEntry(e: TarEntry): Uint8Array {
  const text = encoder.encode(e.text ?? "");
  const block = Buffer.alloc(512 + Math.ceil(text.length / 512) * 512);
  block.write(e.name, 0, 100);
  block.write(e.mode ?? "0000644", 100, "latin1");
  block.write(e.uid ?? "0000000", 108, "latin1");
  block.write(e.gid ?? "0000000", 116, "latin1");
  block.write(e.size ?? text.length.toString(8).padStart(11, "0"), 124, "latin1");
  block.write(e.mtime ?? "00000000144", 136, "latin1");
  block.fill(0x20, 148, 156);
  block.write(e.type ?? "0", 156, "latin1");
  block.write(e.linkname ?? "", 157, 100);
  block.write(e.magic ?? "ustar\x0000", 257, "latin1");
  block.write(e.dev?.[0] ?? "", 329, "latin1");
  block.write(e.dev?.[1] ?? "", 337, "latin1");
  block.write(e.prefix ?? "", 345, 155);
  let sum = 0;
  for (const octet of block.subarray(0, 512)) sum += octet;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  block.set(text, 512);
  return block;
}

/** A pax header with these records. */
export function paxHeader(records: Readonly<Record<string, string>>, type = "x"): Uint8Array {
  let text = "";
  for (const [key, value] of Object.entries(records)) {
    const rest = ` ${key}=${value}\n`;
    const len = encoder.encode(rest).length;
    let digits = 1;
    while (String(len + digits).length > digits) digits++;
    text += `${len + digits}${rest}`;
  }
  return tarEntry({ name: "PaxHeader", type, text });
}

/** A tar archive of these, with the two blocks of zeros at its end. */
export function tar(...entries: readonly (TarEntry | Uint8Array)[]): Uint8Array {
  const pieces = entries.map((e) => (e instanceof Uint8Array ? e : tarEntry(e)));
  return Buffer.concat([...pieces, Buffer.alloc(1_024)]);
}

/** What a test says of a cpio entry. */
export interface CpioEntry {
  readonly name: string;
  /** Type and permissions. */
  readonly mode?: number;
  readonly text?: string;
  readonly inode?: number;
  readonly links?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly size?: number;
  readonly rdev?: readonly [number, number];
}

/** A cpio archive in the format newc with its trailer. */
export function cpio(...entries: readonly CpioEntry[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const [i, e] of [...entries, { name: "TRAILER!!!", mode: 0 }].entries()) {
    const text = encoder.encode(e.text ?? "");
    const name = encoder.encode(`${e.name}\0`);
    const [major, minor] = e.rdev ?? [0, 0];
    const numbers = [
      e.inode ?? 1_000 + i,
      e.mode ?? 0o100644,
      e.uid ?? 0,
      e.gid ?? 0,
      e.links ?? 1,
      e.mtime ?? 100,
      e.size ?? text.length,
      8,
      1,
      major,
      minor,
      name.length,
      0,
    ];
    const header = `070701${numbers.map((n) => n.toString(16).padStart(8, "0")).join("")}`;
    pieces.push(padded(Buffer.concat([encoder.encode(header), name])), padded(text));
  }
  return Buffer.concat(pieces);
}

function padded(octets: Uint8Array): Uint8Array {
  return Buffer.concat([octets, Buffer.alloc((4 - (octets.length & 3)) & 3)]);
}

/** Octets as content in chunks, through a chunk cache as an asset's. */
export class ChunkedContent implements Content {
  readonly name = "root.tar";
  readonly mtimeMs = 5_000;
  readonly size: number;
  readonly chunkLen: number;
  readonly etag: string;
  readonly cache: ChunkCache;
  /** Chunks that were read from the "disk", in order. */
  readonly reads: number[] = [];
  /** Of reads from now on. */
  failure: AgentError | undefined;
  private readonly octets: Uint8Array;

  constructor(octets: Uint8Array, etag = "a".repeat(64), chunkLen = 1_024) {
    this.octets = octets;
    this.size = octets.length;
    this.etag = etag;
    this.chunkLen = chunkLen;
    this.cache = new ChunkCache(chunkLen, 4 * chunkLen);
  }

  peek(index: number): Uint8Array | undefined {
    return this.cache.peek(this.etag, index);
  }

  load(index: number): Promise<Uint8Array> {
    return this.cache.load(this.etag, index, this.read);
  }

  borrow(index: number): Loan | undefined {
    return this.cache.borrow(this.etag, index);
  }

  fill(index: number): Promise<unknown> | undefined {
    return this.cache.fill(this.etag, index, this.read);
  }

  private readonly read = async (index: number): Promise<Uint8Array> => {
    if (this.failure) throw this.failure;
    this.reads.push(index);
    const at = index * this.chunkLen;
    const chunk = Buffer.allocUnsafeSlow(Math.min(this.chunkLen, this.size - at));
    chunk.set(this.octets.subarray(at, at + chunk.length));
    return chunk;
  };
}
