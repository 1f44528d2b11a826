import { once } from "node:events";
import { createServer } from "node:http";
import { createConnection, type Socket } from "node:net";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ChunkCache } from "../../../../../agent/assets/chunk-cache.ts";
import type { Content } from "../../../../../agent/assets/content.ts";
import { type Sent, sendBody } from "../../../../../agent/services/http/send.ts";
import { eventually } from "../../../../support/eventually.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const CHUNK = 64 * 1024;
const CHUNKS = 64;
const SIZE = CHUNK * CHUNKS;

/** Content of large chunks, more than its cache holds, and all memory that it ever had. */
function content() {
  const cache = new ChunkCache(CHUNK, 2 * CHUNK);
  const made: Uint8Array[] = [];
  const read = async (index: number): Promise<Uint8Array> => {
    const octets = new Uint8Array(CHUNK).fill(index + 1);
    made.push(octets);
    return octets;
  };
  const content: Content = {
    name: "large",
    size: SIZE,
    mtimeMs: 0,
    etag: "large",
    chunkLen: CHUNK,
    peek: (i) => cache.peek("large", i),
    load: (i) => cache.load("large", i, read),
    borrow: (i) => cache.borrow("large", i),
    fill: (i) => cache.fill("large", i, read),
  };
  const inMemory = (): number => made.filter((octets) => octets.length > 0).length;
  return { cache, content, made, inMemory };
}

/** Sends the content to a client on a real socket. */
async function send(body: Content) {
  const socketPath = path.join(tempDir(), "s");
  let ended: Promise<Sent> | undefined;
  const server = createServer((_, response) => {
    response.setHeader("Content-Length", SIZE);
    ended = sendBody(response, { content: body, at: 0, len: SIZE }, () => undefined);
  });
  onTestFinished(() => server.closeAllConnections());
  server.listen(socketPath);
  await once(server, "listening");
  const client = createConnection(socketPath);
  client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const sent = async (): Promise<Sent> => {
    await eventually(() => ended !== undefined, "a request");
    return (await ended) as Sent;
  };
  return { client, sent };
}

async function received(client: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of client) pieces.push(piece as Buffer);
  const all = Buffer.concat(pieces);
  return all.subarray(all.indexOf("\r\n\r\n") + 4);
}

it("frees chunks when the kernel has taken them, and sends every octet of them", async () => {
  const { cache, content: body, made, inMemory } = content();
  const { client, sent } = await send(body);
  const octets = await received(client);
  expect(octets.length).toBe(SIZE);
  for (let i = 0; i < CHUNKS; i++) {
    const chunk = octets.subarray(i * CHUNK, (i + 1) * CHUNK);
    expect(chunk.every((octet) => octet === i + 1)).toBe(true);
  }
  expect(await sent()).toEqual({ octets: SIZE, why: "" });
  expect([made.length, cache.loans, inMemory()]).toEqual([CHUNKS, 0, 2]);
});

it("frees what it had lent to a client that went away", async () => {
  const { cache, content: body, made, inMemory } = content();
  const { client, sent } = await send(body);
  await once(client, "readable");
  client.destroy();
  expect(await sent()).toMatchObject({ why: "the client went away" });
  expect(made.length).toBeLessThan(CHUNKS);
  await eventually(() => cache.loans === 0, "the kernel to let go");
  expect(inMemory()).toBeLessThanOrEqual(2);
});
