import { MessageChannel } from "node:worker_threads";

/** Shorter ones may be a part of the pool that Node cuts small buffers from, which others use. */
const LEAST_LEN = 16 * 1024;

/**
 * A port that nobody reads. Made when this is loaded: closing takes some turns of the event loop, and what is posted until then
 * is kept, which at full speed was 30 MB.
 */
const NOWHERE = nowhere();

/**
 * Frees a buffer now, where the collector would let tens of megabytes lie about. Whoever still has a view of it finds it empty.
 *
 * What is transferred to a port that nobody reads is freed at once. Short buffers and shared ones are left to the collector.
 */
export function freeMemory(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST_LEN) {
    NOWHERE.postMessage(undefined, [buffer]);
  }
}

function nowhere(): MessageChannel["port1"] {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
