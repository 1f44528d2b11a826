import { freeMemory } from "../free-memory.ts";

/**
 * Gives the memory of octets back as soon as they were used.
 *
 * A fast store fills buffers faster than the collector looks for those that nobody needs: tens of megabytes of them lie
 * about at any time, which a small board does not have.
 */
export class UsedOctets {
  private last: ArrayBufferLike | undefined;

  /** `octets` were used and nobody will look at them again. Their memory goes when the first octets of another buffer come. */
  used(octets: Uint8Array): void {
    const { buffer } = octets;
    const { last } = this;
    if (buffer === last) return;
    this.last = buffer;
    if (last) freeMemory(last);
  }
}
