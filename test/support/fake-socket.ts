import { Duplex } from "node:stream";

/** One end of a connection without a network. */
export class FakeSocket extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number = 40_000;
  /** What the other end received. */
  received: Buffer = Buffer.alloc(0);
  /** While true the other end takes nothing more. */
  stalled = false;
  private waiting: (() => void) | undefined;

  constructor(remoteAddress: string) {
    super({ highWaterMark: 16 * 1024 });
    this.remoteAddress = remoteAddress;
    this.on("error", () => {});
  }

  /** The other end sends. */
  arrive(octets: Uint8Array | string): void {
    this.push(typeof octets === "string" ? Buffer.from(octets, "latin1") : Buffer.from(octets));
  }

  /** The other end takes what it held back. */
  drain(): void {
    this.stalled = false;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }

  /** The other end takes one piece and goes on holding back. */
  takeOne(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  override _read(): void {}

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.received = Buffer.concat([this.received, piece]);
      done();
    };
    if (this.stalled) this.waiting = take;
    else take();
  }

  // What servers ask of a socket of the network.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  resetAndDestroy(): this {
    return this.destroy();
  }
}
