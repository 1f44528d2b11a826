import { describe, expect, test } from "vitest";
import { urlLabel } from "../../../../../agent/assets/stores/http-exchange.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { eventually } from "../../../../support/eventually.ts";
import { rawHttp, say } from "../../../../support/raw-http.ts";
import { get, storeEnvironment } from "../../../../support/store-environment.ts";

const AUTH = { authorization: "Bearer s3cret" };

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

test("a URL in a message shows neither user nor query", () => {
  expect(urlLabel("https://user:secret@host:8443/a/b?sig=secret#c")).toBe(
    "https://host:8443/a/b?…",
  );
  expect(urlLabel("http://[::1]/")).toBe("http://[::1]/");
});
