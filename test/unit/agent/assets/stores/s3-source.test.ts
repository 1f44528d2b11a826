import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { S3Target } from "../../../../../agent/assets/stores/s3-address.ts";
import { S3Source } from "../../../../../agent/assets/stores/s3-source.ts";
import type { OpenObject } from "../../../../../agent/assets/stores/source.ts";
import { type RawRequest, rawHttp, say } from "../../../../support/raw-http.ts";
import { drain, never, storeEnvironment } from "../../../../support/store-environment.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const OBJECT = "0123456789";
const ETAG = '"abc-3"';
const VERSION = { etag: ETAG, size: 10 };

/** What one request is answered with: status, headers, body. */
type Reply = readonly [status: number, headers?: Readonly<Record<string, string>>, body?: string];

interface Store {
  readonly source: S3Source;
  readonly requests: readonly RawRequest[];
  /** `source.open` from that octet of VERSION. */
  open(from: number): Promise<OpenObject>;
}

/** A store that answers one request after the other; a HEAD gets no body whatever is said. */
async function store(replies: readonly Reply[], change: Partial<S3Target> = {}): Promise<Store> {
  const left = [...replies];
  const server = await rawHttp(({ method }, socket) => {
    const [status, headers = {}, body = ""] = left.shift() ?? [500];
    if (method === "HEAD") say(socket, status, { "Content-Length": `${body.length}`, ...headers });
    else say(socket, status, headers, body);
  });
  const target: S3Target = {
    kind: "s3",
    bucket: "boot",
    key: "a/b c",
    endpoint: server.origin,
    region: "us-east-1",
    pathStyle: true,
    accessKey: { kind: "env", variable: "KEY" },
    secretKey: { kind: "env", variable: "SECRET" },
    ...change,
  };
  const source = new S3Source(target, storeEnvironment({ variables: { KEY: "k", SECRET: "s" } }));
  return {
    source,
    requests: server.requests,
    open: (from) => source.open({ from, version: VERSION, signal: never() }),
  };
}

const WHOLE: Reply = [200, { ETag: ETAG }, OBJECT];

function authorizationOf({ headers }: RawRequest): string {
  const { authorization = "" } = headers;
  return authorization;
}

async function textOf(opened: OpenObject): Promise<string> {
  return (await drain(opened.octets)).toString();
}

describe("a transfer that goes on", () => {
  it("asks by Range and If-Match, neither of them signed", async () => {
    const { open, requests } = await store([
      [206, { ETag: ETAG, "Content-Range": "bytes 4-9/10" }, "456789"],
    ]);
    const opened = await open(4);
    expect(opened).toMatchObject({ from: 4, version: { ...VERSION, fileName: "b c" } });
    expect(await textOf(opened)).toBe("456789");
    expect(requests[0]?.target).toBe("/boot/a/b%20c");
    expect(requests[0]?.headers).toMatchObject({
      range: "bytes=4-",
      "if-match": ETAG,
      "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
      "accept-encoding": "identity",
      authorization: expect.stringContaining("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"),
    });
  });

  it.each<[string, Reply]>([
    ["says that it is another object", [412, {}, "<Error><Code>PreconditionFailed</Code></Error>"]],
    ["says that there is no such range", [416, { "Content-Range": "bytes */3" }]],
    [
      "gives a range of another object",
      [206, { ETag: '"x"', "Content-Range": "bytes 4-9/10" }, "456789"],
    ],
    ["does not say of which", [206, { "Content-Range": "bytes 4-9/10" }, "456789"]],
  ])("begins at 0 when the store %s", async (_, reply) => {
    const { open, requests } = await store([reply, WHOLE]);
    const opened = await open(4);
    expect(opened.from).toBe(0);
    expect(await textOf(opened)).toBe(OBJECT);
    expect(requests[1]?.headers).not.toHaveProperty("range");
    expect(requests[1]?.headers).not.toHaveProperty("if-match");
  });

  it("begins at 0 when the store does not know ranges", async () => {
    const { open, requests } = await store([WHOLE]);
    expect((await open(4)).from).toBe(0);
    expect(requests).toHaveLength(1);
  });

  it.each([undefined, 'W/"abc"'])("begins at 0 with the ETag %s", async (etag) => {
    const { source, requests } = await store([WHOLE]);
    const version = etag === undefined ? {} : { etag };
    expect((await source.open({ from: 4, version, signal: never() })).from).toBe(0);
    expect(requests[0]?.headers).not.toHaveProperty("range");
  });

  it.each(["bytes 3-9/10", "bytes 4-9/11", "bytes 4-9", "octets 4-9/10", ""])(
    "is refused with the range %j",
    async (range) => {
      const { open } = await store([[206, { ETag: ETAG, "Content-Range": range }, "456789"]]);
      await expect(open(4)).rejects.toMatchObject({
        code: "E_STORE_BROKEN",
        message: expect.stringContaining("octets from 4 of 10"),
      });
    },
  );

  it("takes a range without a total", async () => {
    const { open } = await store([[206, { ETag: ETAG, "Content-Range": "bytes 4-9/*" }, "456789"]]);
    expect((await open(4)).from).toBe(4);
  });
});

describe("a store that is half broken", () => {
  it("sends fewer octets than it announced", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 200, { "Content-Length": "10" }, "0123");
      socket.end();
    });
    const { source } = await store([], { endpoint: server.origin });
    const opened = await source.open({ from: 0, signal: never() });
    await expect(drain(opened.octets)).rejects.toMatchObject({ code: "E_STORE_BROKEN" });
  });

  it("sends a part although the whole was asked for", async () => {
    const { source } = await store([[206, { "Content-Range": "bytes 0-3/10" }, "0123"]]);
    await expect(source.open({ from: 0, signal: never() })).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
    });
  });

  it.each<[number, string, string]>([
    [403, "x".repeat(100_000), "E_STORE_REFUSED"],
    [403, `<Error><Code>NoSuchKey</Code>${" ".repeat(70_000)}</Error>`, "E_STORE_REFUSED"],
    [404, "<html>", "E_STORE_MISSING"],
    [400, "<Error><Code>Odd</Code><Message>words</Message></Error>", "E_STORE_BROKEN"],
    [503, "<Error><Code>SlowDown</Code></Error>", "E_STORE_UNREACHABLE"],
    [500, "", "E_STORE_UNREACHABLE"],
  ])("answers %i and too much or too little", async (status, body, code) => {
    const { source } = await store([[status, {}, body]]);
    await expect(source.open({ from: 0, signal: never() })).rejects.toMatchObject({ code });
  });

  it("breaks off in the middle of a refusal", async () => {
    const server = await rawHttp((_, socket) => {
      say(socket, 403, { "Content-Length": "500" }, "<Error><Code>Sig");
      socket.end();
    });
    const { source } = await store([], { endpoint: server.origin });
    await expect(source.open({ from: 0, signal: never() })).rejects.toMatchObject({
      code: "E_STORE_REFUSED",
    });
  });
});

describe("a redirect", () => {
  it("is not given a signature outside the store", async () => {
    const other = await rawHttp((_, socket) => say(socket, 200, { ETag: ETAG }, OBJECT));
    const { source } = await store([[307, { Location: `${other.origin}/elsewhere` }]]);
    await expect(source.open({ from: 0, signal: never() }).then(textOf)).resolves.toBe(OBJECT);
    expect(other.requests[0]?.headers).not.toHaveProperty("authorization");
    expect(JSON.stringify(other.requests[0]?.headers)).not.toContain("x-amz");
  });

  it("within the store is signed anew", async () => {
    const { source, requests } = await store([[307, { Location: "/boot/moved" }], WHOLE]);
    expect(await textOf(await source.open({ from: 0, signal: never() }))).toBe(OBJECT);
    const [first, second] = requests.map(authorizationOf);
    expect(second).toMatch(/Signature=[0-9a-f]{64}$/);
    expect(second).not.toBe(first);
  });
});

describe("a probe", () => {
  const probe = async (replies: readonly Reply[], known = VERSION): Promise<unknown> => {
    const { source } = await store(replies);
    return source.probe(known, never());
  };

  it("asks by HEAD with the ETag", async () => {
    const { source, requests } = await store([[304, { ETag: ETAG }]]);
    expect(await source.probe(VERSION, never())).toEqual({ changed: false });
    expect(requests[0]).toMatchObject({ method: "HEAD", headers: { "if-none-match": ETAG } });
  });

  it("sees that nothing changed although the store sends everything", async () => {
    expect(await probe([WHOLE])).toEqual({ changed: false });
  });

  it("sees what is there now", async () => {
    expect(await probe([[200, { ETag: '"new"', "Last-Modified": "x" }, "four"]])).toEqual({
      changed: true,
      version: { etag: '"new"', size: 4, lastModified: "x", fileName: "b c" },
    });
  });

  it("goes by date and size where there is no ETag", async () => {
    const known = { lastModified: "Thu, 01 Jan 2026 00:00:00 GMT", size: 10 };
    const now = { "Last-Modified": known.lastModified };
    const { source } = await store([
      [200, now, OBJECT],
      [200, now, "other"],
      [200, {}, OBJECT],
    ]);
    expect(await source.probe(known, never())).toEqual({ changed: false });
    expect(await source.probe(known, never())).toMatchObject({ changed: true });
    expect(await source.probe(known, never())).toMatchObject({ changed: true });
  });

  it("asks a store that refuses HEAD for one octet", async () => {
    const { source, requests } = await store([
      [405],
      [206, { ETag: '"new"', "Content-Range": "bytes 0-0/77" }, "0"],
    ]);
    expect(await source.probe(VERSION, never())).toMatchObject({
      changed: true,
      version: { size: 77, etag: '"new"' },
    });
    expect(requests[1]).toMatchObject({ method: "GET", headers: { range: "bytes=0-0" } });
  });

  it("says why it was refused although HEAD cannot", async () => {
    const body = "<Error><Code>InvalidAccessKeyId</Code></Error>";
    await expect(
      probe([
        [403, {}, body],
        [403, {}, body],
      ]),
    ).rejects.toMatchObject({
      code: "E_STORE_REFUSED",
      message: expect.stringContaining("does not know the access key"),
    });
  });
});

describe("keys", () => {
  it("are read anew for each request: files are rotated", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, {}, OBJECT));
    const files = tempDir({ key: "first\n", secret: "s" });
    const { source } = await store([], {
      endpoint: server.origin,
      accessKey: { kind: "file", file: path.join(files, "key") },
      secretKey: { kind: "file", file: path.join(files, "secret") },
    });
    await source.open({ from: 0, signal: never() }).then(textOf);
    writeFileSync(path.join(files, "key"), "second\n");
    await source.open({ from: 0, signal: never() }).then(textOf);
    const names = server.requests.map((r) => /Credential=(\w+)\//.exec(authorizationOf(r))?.[1]);
    expect(names).toEqual(["first", "second"]);
  });

  it("are not in the names of the source", async () => {
    const { source } = await store([]);
    expect(`${source.id} ${source.label}`).not.toMatch(/KEY|SECRET/);
  });

  it("may be absent: nothing is signed then", async () => {
    const server = await rawHttp((_, socket) => say(socket, 200, {}, OBJECT));
    const anonymous: S3Target = {
      kind: "s3",
      bucket: "public",
      key: "k",
      endpoint: server.origin,
      region: "us-east-1",
      pathStyle: true,
    };
    const source = new S3Source(anonymous, storeEnvironment());
    expect(await textOf(await source.open({ from: 0, signal: never() }))).toBe(OBJECT);
    expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
  });
});
