import { MessageChannel } from "node:worker_threads";

/** Shorter ones may be a part of the pool that Node cuts small buffers from, which others use. */
const LEAST_LEN = 16 * 1024;

/**
 * A port that nobody reads. Made when this is loaded: closing takes some turns of the event loop, and what is posted until then
 * is kept, which at full speed was 30 MB.
 */
const NOWHERE = nowhere();

/**
 * Gives the memory of octets back as soon as they were used.
 *
 * A fast store fills buffers faster than the collector looks for those that nobody needs: tens of megabytes of them lie
 * about at any time, which a small board does not have. A buffer that is transferred to a port which nobody reads is freed
 * at once.
 */
export class UsedOctets {
  private last: ArrayBufferLike | undefined;

  /** `octets` were used and nobody will look at them again. Their memory goes when the first octets of another buffer come. */
  used(octets: Uint8Array): void {
    const { buffer } = octets;
    const { last } = this;
    if (buffer === last) return;
    this.last = buffer;
    if (last instanceof ArrayBuffer && last.byteLength >= LEAST_LEN) {
      NOWHERE.postMessage(undefined, [last]);
    }
  }
}

function nowhere(): MessageChannel["port1"] {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
