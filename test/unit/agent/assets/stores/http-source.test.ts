import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { HttpSource } from "../../../../../agent/assets/stores/http-source.ts";
import type { ObjectVersion, OpenObject } from "../../../../../agent/assets/stores/source.ts";
import type { StoreAccess } from "../../../../../agent/site/site.ts";
import { type RawRequest, type RawServer, rawHttp, say } from "../../../../support/raw-http.ts";
import { drain, never, storeEnvironment } from "../../../../support/store-environment.ts";

const BODY = "0123456789";
const DATE = "Sat, 21 Nov 2026 10:00:00 GMT";
const KNOWN: ObjectVersion = { size: 10, etag: '"v1"' };

function sourceOf(
  server: RawServer,
  access: StoreAccess = {},
  env = storeEnvironment(),
): HttpSource {
  return new HttpSource({ kind: "http", url: `${server.origin}/dir/ipxe%20x.efi`, access }, env);
}

function open(source: HttpSource, from = 0, version?: ObjectVersion): Promise<OpenObject> {
  return source.open({ from, ...(version && { version }), signal: never() });
}

function rangeOf({ headers: { range } }: RawRequest): string | undefined {
  return range;
}

/** Gives what is after `bytes=N-`, with these headers over the right ones. */
function rest(request: RawRequest, socket: Socket, headers: Record<string, string> = {}): void {
  const from = Number(/^bytes=(\d+)-$/.exec(rangeOf(request) ?? "")?.[1]);
  say(
    socket,
    206,
    { "Content-Range": `bytes ${from}-9/10`, ETag: '"v1"', ...headers },
    BODY.slice(from),
  );
}

describe("open", () => {
  test("the whole object, with what the server says of it", async () => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { ETag: '"v1"', "Last-Modified": DATE }, BODY),
    );
    const object = await open(sourceOf(server));
    expect(object.from).toBe(0);
    expect(object.version).toEqual({
      size: 10,
      etag: '"v1"',
      lastModified: DATE,
      mtimeMs: Date.parse(DATE),
      fileName: "ipxe x.efi",
    });
    expect(`${await drain(object.octets)}`).toBe(BODY);
    expect(server.requests[0]?.headers).not.toHaveProperty("range");
  });

  test.each<[string, ObjectVersion, string]>([
    ["a strong ETag", { size: 10, etag: '"v1"', lastModified: DATE }, '"v1"'],
    ["the date where there is no ETag", { size: 10, lastModified: DATE }, DATE],
  ])("goes on by %s", async (_, known, condition) => {
    const server = await rawHttp((request, socket) => rest(request, socket));
    const object = await open(sourceOf(server), 4, known);
    expect(object).toMatchObject({ from: 4, version: known });
    expect(`${await drain(object.octets)}`).toBe("456789");
    expect(server.requests[0]?.headers).toMatchObject({ range: "bytes=4-", "if-range": condition });
  });

  test.each<[string, ObjectVersion | undefined]>([
    ["a weak ETag", { size: 10, etag: 'W/"v1"', lastModified: DATE }],
    ["nothing to tell versions apart", { size: 10 }],
    ["no version", undefined],
  ])("begins anew with %s", async (_, known) => {
    const server = await rawHttp((_request, socket) => say(socket, 200, {}, BODY));
    const object = await open(sourceOf(server), 4, known);
    expect(object.from).toBe(0);
    expect(`${await drain(object.octets)}`).toBe(BODY);
    expect(server.requests[0]?.headers).not.toHaveProperty("range");
  });

  test("begins anew where the store has another version", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, { ETag: '"v2"' }, "other octets"));
    const object = await open(sourceOf(server), 4, KNOWN);
    expect(object).toMatchObject({ from: 0, version: { size: 12, etag: '"v2"' } });
    expect(`${await drain(object.octets)}`).toBe("other octets");
    expect(server.requests).toHaveLength(1);
  });

  test.each<[string, Record<string, string>]>([
    ["another ETag", { ETag: '"v2"' }],
    ["another length", { "Content-Range": "bytes 4-9/12" }],
    ["a content coding", { "Content-Encoding": "gzip" }],
  ])("begins anew where the range has %s, whatever If-Range said", async (_, headers) => {
    const server = await rawHttp((request, socket) => {
      if (rangeOf(request) === undefined) say(socket, 200, { ETag: '"v2"' }, "other octets");
      else rest(request, socket, headers);
    });
    const object = await open(sourceOf(server), 4, KNOWN);
    expect(object).toMatchObject({ from: 0, version: { size: 12 } });
    expect(`${await drain(object.octets)}`).toBe("other octets");
  });

  test("begins anew where there is no such range", async () => {
    const server = await rawHttp((request, socket) => {
      if (rangeOf(request) === undefined) say(socket, 200, {}, "abc");
      else say(socket, 416, { "Content-Range": "bytes */3" });
    });
    const object = await open(sourceOf(server), 4, KNOWN);
    expect(object.from).toBe(0);
    expect(`${await drain(object.octets)}`).toBe("abc");
  });

  test("of an object that is there in full nothing more comes", async () => {
    const server = await rawHttp((request, socket) => rest(request, socket));
    const object = await open(sourceOf(server), 10, KNOWN);
    expect(object.from).toBe(10);
    expect(`${await drain(object.octets)}`).toBe("");
    expect(server.requests[0]?.headers).toMatchObject({ range: "bytes=9-" });
  });

  test.each<[string, Record<string, string>, string]>([
    ["begins elsewhere", { "Content-Range": "bytes 3-9/10" }, "from 4 on and sent those from 3 on"],
    ["says nothing of itself", { "Content-Range": "pages 4-9" }, "sent no such range"],
    ["ends early", { "Content-Range": "bytes 4-7/10" }, "it sent octets 4 to 7 of 10"],
    ["is shorter than it says", { "Content-Length": "3" }, "it announced 6 octets and sent 3"],
  ])("a range that %s is broken", async (_, headers, why) => {
    const server = await rawHttp((request, socket) => {
      rest(request, socket, headers);
    });
    await expect(
      open(sourceOf(server), 4, KNOWN).then((o) => drain(o.octets)),
    ).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining(why),
    });
  });

  test("a range that goes on beyond its end is broken", async () => {
    const chunked = await rawHttp((_, socket) =>
      say(
        socket,
        206,
        { "Content-Range": "bytes 4-9/10", "Transfer-Encoding": "chunked" },
        "8\r\n45678999\r\n0\r\n\r\n",
      ),
    );
    await expect(
      open(sourceOf(chunked), 4, KNOWN).then((o) => drain(o.octets)),
    ).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("it announced 6 octets and sent 8 or more"),
    });
  });

  test("a decoded body promises no size", async () => {
    const server = await rawHttp((_, socket) =>
      say(socket, 200, { "Content-Encoding": "gzip", ETag: '"v1"' }, gzipSync(BODY)),
    );
    const object = await open(sourceOf(server));
    expect(object.version).not.toHaveProperty("size");
    expect(`${await drain(object.octets)}`).toBe(BODY);
  });
});

describe("probe", () => {
  test.each<[string, ObjectVersion, Record<string, string>]>([
    ["its ETag", { etag: 'W/"v1"', lastModified: DATE }, { "if-none-match": 'W/"v1"' }],
    ["its date", { lastModified: DATE }, { "if-modified-since": DATE }],
  ])("asks by %s", async (_, known, headers) => {
    const server = await rawHttp((_request, socket) =>
      say(socket, 304, { Connection: "keep-alive" }),
    );
    expect(await sourceOf(server).probe(known, never())).toEqual({ changed: false });
    expect(server.requests).toMatchObject([{ method: "HEAD", headers }]);
  });

  test.each<[string, ObjectVersion | undefined, boolean]>([
    ["without a version", undefined, true],
    ["the same", { size: 10, etag: 'W/"v1"' }, false],
    ["the same date", { size: 10, lastModified: DATE }, false],
    ["another ETag", { size: 10, etag: '"v2"', lastModified: DATE }, true],
    ["another length", { size: 11, etag: '"v1"' }, true],
    ["another date", { lastModified: "Sat, 21 Nov 2026 09:00:00 GMT" }, true],
    ["nothing to compare", { size: 10 }, true],
  ])("of a server that knows no conditions: %s", async (_, known, changed) => {
    const server = await rawHttp((_request, socket) =>
      say(socket, 200, { "Content-Length": "10", ETag: '"v1"', "Last-Modified": DATE }),
    );
    expect(await sourceOf(server).probe(known, never())).toMatchObject(
      changed ? { changed, version: { size: 10, etag: '"v1"' } } : { changed },
    );
  });

  test.each([403, 405, 501])("asks for one octet where HEAD is answered %i", async (status) => {
    const server = await rawHttp((request, socket) => {
      if (request.method === "HEAD") say(socket, status, { "Content-Length": "0" });
      else say(socket, 206, { "Content-Range": "bytes 0-0/10", ETag: '"v2"' }, "0");
    });
    expect(await sourceOf(server).probe(KNOWN, never())).toMatchObject({
      changed: true,
      version: { size: 10, etag: '"v2"' },
    });
    expect(server.requests[1]).toMatchObject({
      method: "GET",
      headers: { range: "bytes=0-0", "if-none-match": '"v1"' },
    });
  });

  test("an empty object has no first octet", async () => {
    const server = await rawHttp((request, socket) => {
      if (request.method === "HEAD") say(socket, 405, { "Content-Length": "0" });
      else say(socket, 416, { "Content-Range": "bytes */0" });
    });
    expect(await sourceOf(server).probe(KNOWN, never())).toMatchObject({
      changed: true,
      version: { size: 0 },
    });
  });

  test("what is refused in both ways is refused", async () => {
    const server = await rawHttp((_, socket) => say(socket, 403, { "Content-Length": "0" }));
    await expect(sourceOf(server).probe(KNOWN, never())).rejects.toMatchObject({
      code: "E_STORE_REFUSED",
    });
  });
});

describe("credentials", () => {
  const variables = { PASS: "pa:ss\n", TOKEN: "t0ken" };

  test.each<[StoreAccess, string]>([
    [
      { username: "me", password: { kind: "env", variable: "PASS" } },
      `Basic ${Buffer.from("me:pa:ss").toString("base64")}`,
    ],
    [{ token: { kind: "env", variable: "TOKEN" } }, "Bearer t0ken"],
  ])("are sent, and a way without TLS is warned about: %j", async (access, header) => {
    const env = storeEnvironment({ variables });
    const server = await rawHttp((_, socket) => say(socket, 200, {}, BODY));
    const source = sourceOf(server, access, env);
    for (const object of [await open(source), await open(source)]) await drain(object.octets);
    expect(server.requests[0]).toMatchObject({ headers: { authorization: header } });
    expect(env.warnings).toEqual([expect.stringContaining("without TLS")]);
  });

  test("one that is not there ends it before anything is sent", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, {}, BODY));
    const source = sourceOf(server, { token: { kind: "env", variable: "NONE" } });
    await expect(open(source)).rejects.toMatchObject({ code: "E_SECRET" });
    expect(server.requests).toHaveLength(0);
  });
});

test("the id tells queries apart without showing them", () => {
  const env = storeEnvironment();
  const [a, b, none] = ["?sig=s3cret", "?sig=other", ""].map(
    (query) => new HttpSource({ kind: "http", url: `https://h/x${query}`, access: {} }, env),
  );
  expect(none?.id).toBe("http https://h/x");
  expect(a?.id).toMatch(/^http https:\/\/h\/x\?[0-9a-f]{16}$/);
  expect(a?.id).not.toBe(b?.id);
  expect(a?.label).toBe("https://h/x?…");
});
