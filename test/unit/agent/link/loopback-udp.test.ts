import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { askLoopback } from "../../../../agent/link/loopback-udp.ts";

const QUESTION = Uint8Array.of(1, 2, 3);
const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

/** A server on the loopback; `answer` gets where the question came from. */
async function server(answer: (port: number, socket: Socket) => void): Promise<number> {
  const socket = createSocket("udp4");
  open.push(socket);
  socket.on("message", (_, from) => answer(from.port, socket));
  await new Promise<void>((done) => socket.bind({ address: "127.0.0.1", port: 0 }, done));
  return socket.address().port;
}

/** Numbers that lead to one port again and again. */
const stubborn = (): number => 7;

describe("askLoopback", () => {
  it("gives the answer, from a privileged port where it may have one", async () => {
    const port = await server((from, socket) => socket.send(String(from), from, "127.0.0.1"));
    const answer = await askLoopback(port, QUESTION, 5_000, stubborn);
    const from = Number(Buffer.from(answer ?? []).toString());
    if (process.getuid?.() === 0) expect(from >= 600 && from < 1_024).toBe(true);
    else expect(from).toBeGreaterThan(0);
  });

  it("takes another port when a privileged one is taken", async () => {
    const port = await server((from, socket) => socket.send("here", from, "127.0.0.1"));
    const asked = await Promise.all(
      [1, 2, 3].map(() => askLoopback(port, QUESTION, 5_000, stubborn)),
    );
    expect(asked.map((a) => a && Buffer.from(a).toString())).toEqual(["here", "here", "here"]);
  });

  it("takes the answer from another port, as that of rpcbind to CALLIT is", async () => {
    const other = createSocket("udp4");
    open.push(other);
    const port = await server((from) => other.send("by another", from, "127.0.0.1"));
    const answer = await askLoopback(port, QUESTION, 5_000, stubborn);
    expect(Buffer.from(answer ?? []).toString()).toBe("by another");
  });

  it("gives up on silence", async () => {
    const port = await server(() => {});
    expect(await askLoopback(port, QUESTION, 20, stubborn)).toBeUndefined();
  });
});
