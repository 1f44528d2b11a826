import type { FrameSender } from "../../agent/services/link-server.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";

/** The link lane without a link: frames are kept, neighbour entries wait until a test settles them. */
export class FakeSender implements FrameSender {
  readonly mac: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 0x96);
  readonly frames: Octets[] = [];
  readonly neighbours: Ipv4[] = [];
  /** Set it to make the link fail, as when its cable is pulled. */
  failure: Error | undefined;
  /** Set it to leave neighbour entries open until `settle`. */
  slow = false;
  private readonly open: (() => void)[] = [];

  sendFrame(emit: (tx: Octets) => number): void {
    const tx = Octets.alloc(16_384);
    tx.u8.fill(0xa5);
    const len = emit(tx);
    if (this.failure) throw this.failure;
    if (len > 0) this.frames.push(new Octets(tx.u8.slice(0, len)));
  }

  prepareNeighbour(address: Ipv4): Promise<void> {
    this.neighbours.push(address);
    if (!this.slow) return Promise.resolve();
    return new Promise((done) => this.open.push(done));
  }

  settle(): void {
    for (const done of this.open.splice(0)) done();
  }
}
