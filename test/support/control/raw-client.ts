import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";

/** A connection that says what a test wants, when it wants it, and keeps what comes back. */
export class RawClient {
  readonly socket: Socket;
  text = "";
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (piece: Buffer) => {
      this.text += piece.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
    });
  }

  /** Resolves when it is connected, or closed at once. */
  static async open(
    port: number,
    options: { readonly localAddress?: string; readonly tls?: boolean } = {},
  ): Promise<RawClient> {
    const { localAddress, tls = false } = options;
    const where = {
      host: "127.0.0.1",
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
    const socket = tls ? tlsConnect({ ...where, rejectUnauthorized: false }) : connect(where);
    const client = new RawClient(socket);
    await new Promise<void>((resolve) => {
      socket.once(tls ? "secureConnect" : "connect", () => resolve());
      socket.once("close", () => resolve());
    });
    return client;
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Status codes of the answers so far. */
  get statuses(): readonly number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code));
  }

  destroy(): void {
    this.socket.destroy();
  }
}
