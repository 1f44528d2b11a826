import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { eventually } from "../../../../support/eventually.ts";
import { rawHttp, say } from "../../../../support/raw-http.ts";
import { drain, get, storeEnvironment } from "../../../../support/store-environment.ts";

describe("content codings", () => {
  const text = "the octets ".repeat(1000);

  test("a coding that came all the same is undone", async () => {
    const body = gzipSync(text);
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Encoding": "gzip" }, body),
    );
    const answer = await get(`${server.origin}/kernel`);
    expect(answer.decoded).toBe(true);
    expect(answer.length).toBeUndefined();
    expect(await answer.text(20_000)).toBe(text);
  });

  test("a file that is called .gz stays as it is", async () => {
    const body = gzipSync(text);
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Encoding": "x-gzip" }, body),
    );
    const answer = await get(`${server.origin}/netbsd.gz`);
    expect([answer.decoded, answer.length]).toEqual([false, body.length]);
    expect(await drain(answer.octets)).toEqual(body);
  });

  test("so does one that a name ending in .gz led to", async () => {
    const body = gzipSync(text);
    const server = await rawHttp((request, socket) => {
      if (request.target === "/netbsd.gz") say(socket, 302, { Location: "/blobs/1" });
      else say(socket, 200, { "Content-Encoding": "gzip" }, body);
    });
    const answer = await get(`${server.origin}/netbsd.gz`);
    expect(await drain(answer.octets)).toEqual(body);
  });

  test.each([
    ["damaged", "gzip", gzipSync(text).fill(0xff, 20, 60)],
    ["cut off", "gzip", gzipSync(text).subarray(0, 40)],
    ["none at all", "br", Buffer.from("no brotli")],
  ])("one that is %s is the store's mistake", async (_, coding, body) => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Encoding": coding }, body),
    );
    const answer = await get(server.origin);
    await expect(drain(answer.octets)).rejects.toMatchObject({ code: "E_STORE_BROKEN" });
  });

  test.each(["compress", "gzip, gzip, gzip"])("%s is refused", async (coding) => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Encoding": coding, "Content-Length": "100" }, "x"),
    );
    await expect(get(server.origin)).rejects.toThrow(`it encodes the body as ${coding}`);
    await eventually(() => server.open() === 0, "the connection is let go of");
  });
});

describe("bodies", () => {
  test("fewer octets than announced", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 200, { "Content-Length": "100" }, "x".repeat(40));
      socket.end();
    });
    const answer = await get(server.origin);
    await expect(drain(answer.octets)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: `${server.origin}/: it ended after 40 of 100 octets`,
    });
  });

  test("chunks that end too soon", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 200, { "Transfer-Encoding": "chunked" }, "10\r\nonly part of");
      socket.end();
    });
    const answer = await get(server.origin);
    await expect(drain(answer.octets)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: `${server.origin}/: it ended after 12 of an unknown number of octets`,
    });
  });

  test("a connection that is reset half-way", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 200, { "Content-Length": "100" }, "x".repeat(40));
    });
    const answer = await get(server.origin);
    const reader = answer.octets[Symbol.asyncIterator]();
    expect((await reader.next()).value?.length).toBe(40);
    const next = reader.next();
    server.reset();
    await expect(next).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `${server.origin}/: the connection was reset after 40 of 100 octets`,
    });
  });

  test("what comes after the announced end is not part of it", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 200, { "Content-Length": "5" }, "hello and more");
    });
    const env = storeEnvironment();
    expect(await (await get(server.origin, {}, env)).text(100)).toBe("hello");
    // Nor of the next answer.
    expect(await (await get(server.origin, {}, env)).text(100)).toBe("hello");
  });

  test("text beyond its limit", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, {}, "hello"));
    await expect((await get(server.origin)).text(4)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
    });
  });

  test("HEAD announces a length and has no body", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, { "Content-Length": "12345" }));
    const answer = await get(server.origin, { method: "HEAD" });
    expect(answer.length).toBe(12345);
    expect(await answer.text(0)).toBe("");
  });

  test("a reader that leaves early ends the transfer", async () => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Length": "1000000" }, "x".repeat(500_000)),
    );
    const answer = await get(server.origin);
    for await (const piece of answer.octets) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await eventually(() => server.open() === 0, "the connection is closed");
  });

  test("a reset while nobody reads is kept for the reader", async () => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Length": "100", "Content-Encoding": "gzip" }, gzipSync("x")),
    );
    const answer = await get(server.origin);
    server.reset();
    await eventually(() => server.open() === 0, "the connection is gone");
    await expect(drain(answer.octets)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  });
});
