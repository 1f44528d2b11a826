import { createSocket } from "node:dgram";

const LOOPBACK = "127.0.0.1";
/**
 * Ports of which only a privileged program can be the sender, from where the C library begins to look as well. Not those below
 * 600: they have users of their own.
 */
const PRIVILEGED_LOW = 600;
const PRIVILEGED_HIGH = 1_023;
const TRIES = 16;

/**
 * Sends one datagram to a port of this host's loopback and takes what comes back from there; undefined: nothing
 * within `timeoutMs`. Never rejects.
 *
 * It leaves by a privileged port where we may have one: rpcbind lets nobody but root take away what came by such a port. A
 * socket a question, so that no late answer is taken for that of the next.
 */
export async function askLoopback(
  port: number,
  message: Uint8Array,
  timeoutMs: number,
  random: () => number,
): Promise<Uint8Array | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const span = PRIVILEGED_HIGH - PRIVILEGED_LOW;
    const answer = await ask(port, message, timeoutMs, PRIVILEGED_LOW + (random() % span));
    if (answer !== "in use") return answer === "not permitted" ? unprivileged() : answer;
  }
  return unprivileged();

  async function unprivileged(): Promise<Uint8Array | undefined> {
    const answer = await ask(port, message, timeoutMs, 0);
    return typeof answer === "string" ? undefined : answer;
  }
}

type Answer = Uint8Array | undefined | "in use" | "not permitted";

function ask(
  port: number,
  message: Uint8Array,
  timeoutMs: number,
  localPort: number,
): Promise<Answer> {
  const socket = createSocket({ type: "udp4" });
  return new Promise((resolve) => {
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      socket.removeAllListeners("message");
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.on("error", () => {});
      if (error.code === "EADDRINUSE") end("in use");
      else if (error.code === "EACCES") end("not permitted");
      else end(undefined);
    });
    // Not connected: rpcbind answers CALLIT from another port. On the loopback only this host can be the sender.
    socket.once("message", (answer) => end(answer));
    socket.bind({ address: LOOPBACK, port: localPort }, () => socket.send(message, port, LOOPBACK));
  });
}
