import { describe, expect, test } from "vitest";
import { eventually } from "../../../../support/eventually.ts";
import { rawHttp, say } from "../../../../support/raw-http.ts";
import { drain, get, storeEnvironment } from "../../../../support/store-environment.ts";
import { until } from "../../../../support/until.ts";

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
