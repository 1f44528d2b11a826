import { Octets } from "../../../protocols/wire/octets.ts";
import { Violation } from "./trace.ts";

/** What the guarded memory counts and allows. */
interface Window {
  reads: number;
  maxReads: number;
  from: number;
  to: number;
}

/** Memory that counts reads, and takes a read outside the window for a violation even if nothing comes of it. */
export interface GuardedOctets {
  readonly octets: Octets;
  /** Allows `len` octets at `at`, and `maxReads` of them altogether. */
  allow(at: number, len: number, maxReads: number): void;
  readonly reads: number;
}

/** The constructor with one signature, which a class can extend. */
const View: new (buffer: ArrayBufferLike, at: number, len: number) => DataView = DataView;

class GuardedView extends View {
  private readonly window: Window;

  constructor(u8: Uint8Array, window: Window) {
    super(u8.buffer, u8.byteOffset, u8.byteLength);
    this.window = window;
  }
  override getUint8(at: number): number {
    touch(this.window, at, 1);
    return super.getUint8(at);
  }
  override getInt8(at: number): number {
    touch(this.window, at, 1);
    return super.getInt8(at);
  }
  override getUint16(at: number): number {
    touch(this.window, at, 2);
    return super.getUint16(at);
  }
  override getInt16(at: number): number {
    touch(this.window, at, 2);
    return super.getInt16(at);
  }
  override getUint32(at: number): number {
    touch(this.window, at, 4);
    return super.getUint32(at);
  }
  override getInt32(at: number): number {
    touch(this.window, at, 4);
    return super.getInt32(at);
  }
  override getBigUint64(at: number): bigint {
    touch(this.window, at, 8);
    return super.getBigUint64(at);
  }
}

/** Guards a slab. Slow: for a sample of the executions. */
export function guard(slab: Octets): GuardedOctets {
  const window: Window = { reads: 0, maxReads: 0, from: 0, to: 0 };
  const u8 = new Proxy(slab.u8, {
    get(target, key) {
      if (typeof key === "string" && /^\d/.test(key)) {
        touch(window, Number(key), 1);
        return target[Number(key)];
      }
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: readonly number[]) => {
        if (key === "subarray" || key === "slice") {
          const [from = 0, to = target.length] = args;
          if (to > from) touch(window, from, to - from);
        }
        return Reflect.apply(value, target, args);
      };
    },
  });
  const dv = new GuardedView(slab.u8, window);
  const octets: Octets = Object.assign(Object.create(Octets.prototype), { u8, dv });
  return {
    octets,
    allow(at, len, maxReads) {
      window.from = at;
      window.to = at + len;
      window.reads = 0;
      window.maxReads = maxReads;
    },
    get reads() {
      return window.reads;
    },
  };
}

function touch(window: Window, at: number, len: number): void {
  if (at < window.from || at + len > window.to) {
    const rel = at - window.from;
    throw new Violation(`reads ${len} octets at ${rel} of a window of ${window.to - window.from}`);
  }
  window.reads += 1;
  if (window.reads > window.maxReads) {
    throw new Violation(`reads more than ${window.maxReads} times in ${window.to - window.from}`);
  }
}
