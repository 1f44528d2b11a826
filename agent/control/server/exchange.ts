import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentError } from "../../errors.ts";
import type { BodyRoom } from "./body-room.ts";
import { HttpRefusal } from "./http-refusal.ts";
import type { ControlReply, ControlRequest } from "./message.ts";

/** A request of node:http as the dispatcher takes it. `signal` is aborted when the answer cannot be sent any more. */
export function requestOf(
  incoming: IncomingMessage,
  response: ServerResponse,
  isTls: boolean,
  room: BodyRoom,
): ControlRequest {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return {
    method: incoming.method ?? "",
    target: incoming.url ?? "",
    channel: isTls ? "tls" : "plain",
    address: incoming.socket.remoteAddress ?? "",
    signal: gone.signal,
    header(name) {
      // Of two Hosts (RFC 9112 section 3.2) neither counts.
      const { host = [] } = incoming.headersDistinct;
      if (name === "host" && host.length > 1) return "";
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    body: (maxOctets) => bodyOf(incoming, response, maxOctets, room),
  };
}

/** The whole body. Rejects with E_PROTOCOL when it is longer than it may be, before it is read where its length is announced. */
async function bodyOf(
  incoming: IncomingMessage,
  response: ServerResponse,
  maxOctets: number,
  room: BodyRoom,
): Promise<Uint8Array> {
  if (Number(incoming.headers["content-length"] ?? 0) > maxOctets) throw tooLong(maxOctets);
  if (incoming.headers.expect !== undefined) response.writeContinue();
  const pieces: Buffer[] = [];
  return await new Promise<Uint8Array>((resolve, reject) => {
    const refuse = (why: AgentError): void => {
      pieces.length = 0;
      room.leave(waiting);
      incoming.pause();
      reject(why);
    };
    const waiting = room.enter(refuse);
    let octets = 0;
    incoming.on("data", (piece: Buffer) => {
      octets += piece.length;
      pieces.push(piece);
      if (octets > maxOctets) refuse(tooLong(maxOctets));
      else room.grow(waiting, piece.length);
    });
    incoming.once("end", () => {
      room.leave(waiting);
      resolve(Buffer.concat(pieces));
    });
    const cutOff = (): void => refuse(new AgentError("E_PROTOCOL", "the request was cut off"));
    incoming.once("error", cutOff);
    incoming.once("close", cutOff);
  });
}

function tooLong(maxOctets: number): HttpRefusal {
  return new HttpRefusal(
    413,
    "E_PROTOCOL",
    `the body of this request has at most ${maxOctets} octets`,
    {
      cure: "Only signed requests that bring a configuration may be longer, over https.",
    },
  );
}

/** Sends an answer; resolves when all of it is with the kernel, or the asker is gone. */
export async function send(
  reply: ControlReply,
  incoming: IncomingMessage,
  response: ServerResponse,
  room: BodyRoom,
): Promise<void> {
  const { status, headers, body } = reply;
  const closed = new Promise<void>((resolve) => response.once("close", () => resolve()));
  if (response.destroyed) return;
  // What follows of a body that nobody reads would have to be read before another request.
  if (!incoming.complete) response.setHeader("connection", "close");
  if (body instanceof Uint8Array) {
    const waiting = room.enter(() => incoming.socket.destroy());
    room.grow(waiting, body.length);
    response.writeHead(status, { ...headers, "content-length": body.length });
    response.end(incoming.method === "HEAD" ? undefined : body);
    await closed;
    room.leave(waiting);
    return;
  }
  response.writeHead(status, headers);
  response.flushHeaders();
  await sendPieces(body, response, closed);
}

/** Pulls a piece when the one before is taken. The iterator is told when the asker is gone, also while it waits for something. */
async function sendPieces(
  pieces: AsyncIterable<Uint8Array>,
  response: ServerResponse,
  closed: Promise<void>,
): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  const over = closed.then(() => ({ done: true, value: undefined }) as const);
  for (;;) {
    const next = await Promise.race([iterator.next(), over]);
    if (next.done) break;
    if (!response.write(next.value)) {
      const drained = new Promise<void>((resolve) => response.once("drain", () => resolve()));
      await Promise.race([drained, closed]);
    }
  }
  if (response.destroyed) {
    // It may wait for something that never comes; then it ends by the signal.
    void iterator.return?.();
    return;
  }
  response.end();
  await closed;
}
