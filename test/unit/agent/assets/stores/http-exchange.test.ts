import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
  exchange,
  type HttpRequest,
  type HttpResponse,
  urlLabel,
} from "../../../../../agent/assets/stores/http-exchange.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { eventually } from "../../../../support/eventually.ts";
import { rawHttp, say } from "../../../../support/raw-http.ts";
import { drain, never, storeEnvironment } from "../../../../support/store-environment.ts";
import { until } from "../../../../support/until.ts";

const AUTH = { authorization: "Bearer s3cret" };

function get(
  url: string,
  more: Partial<HttpRequest> = {},
  env = storeEnvironment(),
): Promise<HttpResponse> {
  return exchange(env, { method: "GET", url, signal: never(), ...more });
}

describe("what is sent", () => {
  test("a GET that asks for the octets as they are", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, { ETag: '"a"' }, "hello"));
    const answer = await get(`${server.origin}/a/b?c=d`, { headers: { "If-None-Match": '"b"' } });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ etag: '"a"' });
    expect(answer.length).toBe(5);
    expect(await answer.text(5)).toBe("hello");
    expect(server.requests).toMatchObject([
      {
        method: "GET",
        target: "/a/b?c=d",
        headers: {
          host: `127.0.0.1:${server.port}`,
          "user-agent": "pilotlight/1.2.3",
          "accept-encoding": "identity",
          "if-none-match": '"b"',
        },
      },
    ]);
  });

  test.each([
    ["octets", () => Buffer.from("octets of a body")],
    [
      "a stream",
      () => ({
        length: 16,
        async *octets() {
          yield Buffer.from("octets ");
          yield Buffer.from("of a body");
        },
      }),
    ],
  ])("a PUT of %s with its length, and again where a redirect wants it", async (_, body) => {
    const server = await rawHttp((request, socket) => {
      if (request.target === "/old") say(socket, 307, { Location: "/new" });
      else say(socket, 201);
    });
    const answer = await get(`${server.origin}/old`, { method: "PUT", body: body() });
    expect(answer.status).toBe(201);
    expect(
      server.requests.map((r) => [r.method, r.target, r.headers["content-length"], r.body]),
    ).toEqual([
      ["PUT", "/old", "16", "octets of a body"],
      ["PUT", "/new", "16", "octets of a body"],
    ]);
  });

  test("a PUT of many octets arrives as it is", async () => {
    const server = await rawHttp((_, socket) => say(socket, 201));
    const body = Buffer.from("0123456789".repeat(50_000));
    await get(server.origin, { method: "PUT", body });
    expect(server.requests[0]?.body === body.toString()).toBe(true);
  });

  test("a stream that fails ends the request with its own error", async () => {
    const server = await rawHttp((_, socket) => say(socket, 201));
    const failure = new AgentError("E_ASSET_READ", "cannot read it");
    const body = {
      length: 16,
      async *octets(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("octets ");
        throw failure;
      },
    };
    await expect(get(server.origin, { method: "PUT", body })).rejects.toBe(failure);
    expect(server.requests).toEqual([]);
  });

  test("303 makes a GET without a body of any request", async () => {
    const server = await rawHttp((request, socket) => {
      if (request.method === "POST") say(socket, 303, { Location: "/result" });
      else say(socket, 200, {}, "done");
    });
    const answer = await get(`${server.origin}/job`, { method: "POST", body: Buffer.from("x") });
    expect(await answer.text(10)).toBe("done");
    expect(server.requests[1]).toMatchObject({ method: "GET", target: "/result", body: "" });
  });

  test("connections serve several exchanges, those with errors included", async () => {
    const server = await rawHttp((request, socket) => {
      if (request.target === "/missing") say(socket, 404, {}, "no such thing");
      else say(socket, 200, {}, "here");
    });
    const env = storeEnvironment();
    await expect(get(`${server.origin}/missing`, {}, env)).rejects.toThrow("404");
    for (const path of ["/a", "/b", "/c", "/d", "/e"]) {
      expect(await (await get(server.origin + path, {}, env)).text(10)).toBe("here");
    }
    // Two, since one is free only a turn after its body's end.
    expect(server.open()).toBeLessThanOrEqual(2);
  });
});

describe("statuses", () => {
  test.each([
    [401, "E_STORE_REFUSED"],
    [403, "E_STORE_REFUSED"],
    [407, "E_STORE_REFUSED"],
    [404, "E_STORE_MISSING"],
    [410, "E_STORE_MISSING"],
    [408, "E_STORE_UNREACHABLE"],
    [429, "E_STORE_UNREACHABLE"],
    [500, "E_STORE_UNREACHABLE"],
    [503, "E_STORE_UNREACHABLE"],
    [400, "E_STORE_BROKEN"],
    [418, "E_STORE_BROKEN"],
    [204, "E_STORE_BROKEN"],
    [304, "E_STORE_BROKEN"],
    [300, "E_STORE_BROKEN"],
  ])("%i is %s", async (status, code) => {
    const bare = status === 204 || status === 304;
    const server = await rawHttp((_, socket) =>
      say(socket, status, bare ? { Connection: "keep-alive" } : {}, bare ? "" : "a reason"),
    );
    await expect(get(`${server.origin}/x`, { wanted: [200] })).rejects.toMatchObject({
      code,
      status,
      answer: bare ? undefined : "a reason",
      message: expect.stringContaining(`${server.origin}/x: `),
    });
  });

  test("a status that is wanted is an answer, a redirect too", async () => {
    const server = await rawHttp((_, socket) => say(socket, 302, { Location: "/x" }));
    const answer = await get(server.origin, { wanted: [302] });
    expect(answer).toMatchObject({ status: 302, headers: { location: "/x" } });
  });

  test("Retry-After is carried, in seconds and as a date, and never longer than a day", async () => {
    let header = "7";
    const server = await rawHttp((_, socket) => say(socket, 503, { "Retry-After": header }));
    const nowMs = Date.UTC(2026, 10, 21, 12);
    const env = storeEnvironment({ now: () => nowMs });
    const wait = (): Promise<unknown> =>
      get(server.origin, {}, env).catch((e: { retryAfterMs?: number }) => e.retryAfterMs);
    expect(await wait()).toBe(7_000);
    header = new Date(nowMs + 90_000).toUTCString();
    expect(await wait()).toBe(90_000);
    header = "999999999";
    expect(await wait()).toBe(86_400_000);
    header = "soon";
    expect(await wait()).toBeUndefined();
  });

  test("an endless answer that was not wanted is not read to its end", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 500, { "Transfer-Encoding": "chunked" });
      const piece = `4000\r\n${"x".repeat(0x4000)}\r\n`;
      const more = (): void => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on("drain", more);
      more();
    });
    await expect(get(server.origin)).rejects.toMatchObject({ answer: "x".repeat(4096) });
    await eventually(() => server.open() === 0, "the connection is let go of");
  });
});

describe("redirects", () => {
  test("credentials go to the origin that they are for and to no other", async () => {
    const other = await rawHttp((_, socket) => say(socket, 200, {}, "x"));
    const server = await rawHttp((request, socket) =>
      say(socket, 302, { Location: request.target === "/a" ? "/b" : `${other.origin}/c` }),
    );
    const answer = await get(`${server.origin}/a`, {
      authorize: (hop) => (hop.sameOrigin ? AUTH : {}),
    });
    expect(answer.url.href).toBe(`${other.origin}/c`);
    expect(server.requests.map(({ headers: { authorization } }) => authorization)).toEqual([
      "Bearer s3cret",
      "Bearer s3cret",
    ]);
    expect(other.requests.map(({ headers: { authorization } }) => authorization)).toEqual([
      undefined,
    ]);
  });

  test("a circle is named", async () => {
    const server = await rawHttp((request, socket) =>
      say(socket, 301, { Location: request.target === "/a" ? "/b?token=x" : "/a" }),
    );
    const { origin } = server;
    await expect(get(`${origin}/a`)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: `${origin}/a -> ${origin}/b?… -> ${origin}/a: it redirects in a circle`,
    });
    expect(server.requests).toHaveLength(2);
  });

  test("more than ten are too many", async () => {
    const server = await rawHttp((request, socket) =>
      say(socket, 302, { Location: `/${Number(request.target.slice(1)) + 1}` }),
    );
    await expect(get(`${server.origin}/0`)).rejects.toThrow("/11: it redirects without end");
    expect(server.requests).toHaveLength(11);
  });

  test.each([
    [{}, "without saying where to"],
    [{ Location: "http://[" }, "without saying where to"],
    [{ Location: "file:///etc/passwd" }, "no http: one (file:)"],
  ])("one that leads nowhere (%j) is refused", async (headers, why) => {
    const server = await rawHttp((_, socket) => say(socket, 302, headers));
    await expect(get(server.origin)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining(why),
    });
  });

  test("an error at the end names the whole way", async () => {
    const server = await rawHttp((request, socket) =>
      request.target === "/a" ? say(socket, 308, { Location: "/b" }) : say(socket, 404),
    );
    const { origin } = server;
    await expect(get(`${origin}/a`)).rejects.toThrow(
      `${origin}/a -> ${origin}/b: there is no such`,
    );
  });
});

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

describe("time", () => {
  const timeouts = { connectMs: 300, headersMs: 300, stallMs: 300 };

  test("no answer", async () => {
    const server = await rawHttp(() => undefined);
    await expect(get(server.origin, {}, storeEnvironment({ timeouts }))).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `${server.origin}/: no answer came in time`,
    });
  });

  test("a body that stalls", async () => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Length": "100" }, "x".repeat(40)),
    );
    const answer = await get(server.origin, {}, storeEnvironment({ timeouts }));
    await expect(drain(answer.octets)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `${server.origin}/: it stalled after 40 of 100 octets`,
    });
  });

  test("a reader that takes longer than the store may is not the store's fault", async () => {
    const body = Buffer.alloc(4_000_000);
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Length": `${body.length + 1}` }, body),
    );
    const answer = await get(server.origin, {}, storeEnvironment({ timeouts }));
    const reader = answer.octets[Symbol.asyncIterator]();
    let got = (await reader.next()).value?.length ?? 0;
    const start = performance.now();
    await until("several times the limit to pass", () => performance.now() - start > 2_500);
    while (got < body.length) got += (await reader.next()).value?.length ?? 0;
    // From here on the store is waited for.
    await expect(reader.next()).rejects.toThrow("it stalled after 4000000 of 4000001 octets");
  });

  test("abort before, while there is no answer, and within the body give the signal's reason", async () => {
    const server = await rawHttp((request, socket) => {
      if (request.target === "/body") say(socket, 200, { "Content-Length": "100" }, "x");
    });
    const reason = new Error("not needed any more");
    await expect(get(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

    const waiting = new AbortController();
    const answer = get(server.origin, { signal: waiting.signal });
    await eventually(() => server.requests.length === 1, "the request is there");
    waiting.abort(reason);
    await expect(answer).rejects.toBe(reason);

    const reading = new AbortController();
    const body = await get(`${server.origin}/body`, { signal: reading.signal });
    const drained = drain(body.octets);
    reading.abort(reason);
    await expect(drained).rejects.toBe(reason);
    await eventually(() => server.open() === 0, "both connections are closed");
  });

  test("abort while there is no connection yet", async () => {
    const env = storeEnvironment();
    const reason = new Error("not needed any more");
    const waiting = new AbortController();
    // RFC 5737: an address that nobody has.
    const answer = get("http://192.0.2.1/", { signal: waiting.signal }, env).catch((e) => e);
    await Promise.resolve();
    waiting.abort(reason);
    const ended = await answer;
    // Without a route the refusal may be there before.
    expect(ended === reason || ended.code === "E_STORE_UNREACHABLE").toBe(true);
  });
});

describe("connections", () => {
  test("nobody listens", async () => {
    const server = await rawHttp(() => undefined);
    await server.close();
    await expect(get(`${server.origin}/x`)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `${server.origin}/x: the connection was refused`,
    });
  });

  test("closed without an answer", async () => {
    const server = await rawHttp((_, socket) => socket.end());
    await expect(get(server.origin)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `${server.origin}/: the connection was closed without an answer`,
    });
  });

  test.each([
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"],
  ])("%s is no HTTP", async (_, text) => {
    const server = await rawHttp((_, socket) => socket.write(text));
    await expect(get(server.origin)).rejects.toMatchObject({ code: "E_STORE_BROKEN" });
  });

  test("TLS where there is none", async () => {
    const server = await rawHttp(() => undefined, "HTTP/1.1 400 Bad Request\r\n\r\n");
    await expect(get(`https://127.0.0.1:${server.port}/`)).rejects.toMatchObject({
      code: "E_STORE_TLS",
      message: expect.stringContaining("it does not speak TLS"),
    });
  });

  test("after the environment was closed", async () => {
    const env = storeEnvironment();
    await env.close();
    await expect(get("http://127.0.0.1:1/", {}, env)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
    });
  });
});

describe("a proxy", () => {
  test("plain http: is asked of it, with the credentials of its variable", async () => {
    const proxy = await rawHttp((_, socket) => say(socket, 200, {}, "by proxy"));
    const variables = { http_proxy: `http://us%3Aer:pass@127.0.0.1:${proxy.port}` };
    const answer = await get("http://store.example/a?b", {}, storeEnvironment({ variables }));
    expect(await answer.text(100)).toBe("by proxy");
    expect(proxy.requests).toMatchObject([
      {
        method: "GET",
        target: "http://store.example/a?b",
        headers: {
          host: "store.example",
          "proxy-authorization": `Basic ${Buffer.from("us:er:pass").toString("base64")}`,
        },
      },
    ]);
  });

  test("NO_PROXY leads past it", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, {}, "direct"));
    const variables = { HTTP_PROXY: "127.0.0.1:1", NO_PROXY: "127.0.0.0/8" };
    const answer = await get(server.origin, {}, storeEnvironment({ variables }));
    expect(await answer.text(100)).toBe("direct");
  });

  test("its refusals are told from the store's", async () => {
    const proxy = await rawHttp((_, socket) => say(socket, 407));
    for (const [variable, url] of [
      ["HTTP_PROXY", "http://store.example/"],
      ["HTTPS_PROXY", "https://store.example/"],
    ] as const) {
      const env = storeEnvironment({ variables: { [variable]: proxy.origin } });
      await expect(get(url, {}, env)).rejects.toMatchObject({
        code: "E_STORE_REFUSED",
        status: 407,
        cure: expect.stringContaining("HTTP_PROXY"),
      });
    }
  });

  test("one that is not there is named, one that makes no sense keeps its password", async () => {
    const gone = storeEnvironment({ variables: { HTTPS_PROXY: "http://127.0.0.1:1" } });
    await expect(get("https://store.example/", {}, gone)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: "https://store.example/ by proxy 127.0.0.1:1: the connection was refused",
    });
    const socks = storeEnvironment({ variables: { ALL_PROXY: "socks5://u:s3cret@h" } });
    await expect(get("http://store.example/", {}, socks)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: expect.not.stringContaining("s3cret"),
      cure: expect.stringContaining("ALL_PROXY"),
    });
  });
});

test("a URL in a message shows neither user nor query", () => {
  expect(urlLabel("https://user:secret@host:8443/a/b?sig=secret#c")).toBe(
    "https://host:8443/a/b?…",
  );
  expect(urlLabel("http://[::1]/")).toBe("http://[::1]/");
});
