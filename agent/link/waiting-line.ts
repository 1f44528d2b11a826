import type { Server, Socket } from "node:net";

/** What becomes of a connection beyond those that are served: it waits, or it is reset where there is no room for that. */
export type Crowding = "waits" | "reset";

/**
 * Serves so many connections of a server at once, and lets the others wait, accepted but not read.
 *
 * A boot ROM whose connection is closed before it was answered gives up its boot. One that waits does so for minutes: to it a
 * server that reads later looks like a slow one.
 */
export class WaitingLine {
  private readonly server: Server;
  private readonly places: number;
  private readonly length: number;
  private readonly serve: (socket: Socket) => void;
  private readonly crowded: (socket: Socket, what: Crowding) => void;
  private readonly line = new Set<Socket>();
  private served = 0;

  /** `places`: connections at once. `length`: how many may wait. `serve`: what a connection comes to in its turn. `crowded`: told of who is not served at once. */
  constructor(
    server: Server,
    places: number,
    length: number,
    serve: (socket: Socket) => void,
    crowded: (socket: Socket, what: Crowding) => void,
  ) {
    this.server = server;
    this.places = places;
    this.length = length;
    this.serve = serve;
    this.crowded = crowded;
  }

  /** How many wait. */
  get waiting(): number {
    return this.line.size;
  }

  /** A new connection, which nobody reads yet (`pauseOnConnect`). */
  enter(socket: Socket): void {
    if (this.served < this.places) {
      this.admit(socket);
      return;
    }
    if (this.line.size >= this.length) {
      socket.resetAndDestroy();
      this.crowded(socket, "reset");
      return;
    }
    this.line.add(socket);
    // What it dies of meanwhile is nobody's affair.
    socket.on("error", ignore);
    socket.once("close", () => this.line.delete(socket));
    this.crowded(socket, "waits");
  }

  private admit(socket: Socket): void {
    this.served += 1;
    socket.once("close", () => {
      this.served -= 1;
      this.next();
    });
    this.serve(socket);
    socket.resume();
  }

  private next(): void {
    // A server that was told to close serves nobody any more, and ends with its last connection.
    if (!this.server.listening) {
      for (const socket of this.line) socket.destroy();
      return;
    }
    const [first] = this.line;
    if (!first) return;
    this.line.delete(first);
    first.off("error", ignore);
    this.admit(first);
  }
}

function ignore(): void {}
