import { randomBytes } from "node:crypto";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { OpenObject } from "../../../agent/assets/stores/source.ts";
import { type At, fetched, open, sourceOf } from "../../support/http-source.ts";
import { Nginx } from "../../support/nginx.ts";
import { rawHttp, say } from "../../support/raw-http.ts";
import { drain, never, storeEnvironment } from "../../support/store-environment.ts";

const OCTETS = randomBytes(3_000_000);

/** Reads until at least `len` octets are there, then leaves. */
async function begin(object: OpenObject, len: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let got = 0;
  for await (const piece of object.octets) {
    pieces.push(piece);
    got += piece.length;
    if (got >= len) break;
  }
  return Buffer.concat(pieces);
}

describe("resume", () => {
  test("goes on by Range where a transfer ended", async () => {
    const nginx = await Nginx.start({ files: { kernel: OCTETS } });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const first = await open(source);
    expect(first.version).toMatchObject({ size: OCTETS.length, fileName: "kernel" });
    const head = await begin(first, 1_000_000);
    const second = await open(source, head.length, first.version);
    expect(second).toMatchObject({ from: head.length, version: first.version });
    const whole = Buffer.concat([head, await drain(second.octets)]);
    expect(whole.equals(OCTETS)).toBe(true);
    expect(await nginx.requests(2)).toContain("GET /kernel 206");
  });

  test("begins anew when the file is another one by now", async () => {
    const nginx = await Nginx.start({ files: { kernel: OCTETS } });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const { version, octets } = await open(source);
    await drain(octets);
    nginx.put("kernel", OCTETS.subarray(1));
    utimesSync(join(nginx.root, "kernel"), 1, 1);
    const object = await open(source, 1_000_000, version);
    expect(object).toMatchObject({ from: 0, version: { size: OCTETS.length - 1 } });
    expect((await drain(object.octets)).equals(OCTETS.subarray(1))).toBe(true);
  });

  test("begins anew with a weak ETag", async () => {
    const nginx = await Nginx.start({
      server: `etag off; add_header ETag 'W/"v1"';`,
      files: { kernel: OCTETS },
    });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const { version, octets } = await open(source);
    await begin({ from: 0, version, octets }, 1_000);
    expect(version.etag).toBe('W/"v1"');
    const object = await open(source, 1_000, version);
    expect(object.from).toBe(0);
    expect((await drain(object.octets)).equals(OCTETS)).toBe(true);
  });

  test("goes on after the server died half-way and came back", async () => {
    const nginx = await Nginx.start({
      server: "limit_rate 4m; limit_rate_after 500k;",
      files: { kernel: OCTETS },
    });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const object = await open(source);
    const pieces: Uint8Array[] = [];
    const died = (async () => {
      for await (const piece of object.octets) {
        pieces.push(piece);
        if (pieces.length === 1) await nginx.kill();
      }
    })();
    await expect(died).rejects.toMatchObject({
      code: expect.stringMatching(/^E_STORE_(BROKEN|UNREACHABLE)$/),
      message: expect.stringMatching(/after \d+ of 3000000 octets$/),
    });
    await expect(open(source)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `${nginx.origin}/kernel: the connection was refused`,
    });
    await nginx.start();
    const head = Buffer.concat(pieces);
    const rest = await open(source, head.length, object.version);
    expect(rest.from).toBe(head.length);
    expect(Buffer.concat([head, await drain(rest.octets)]).equals(OCTETS)).toBe(true);
  });

  test("of an object that is there in full nothing more is sent", async () => {
    const nginx = await Nginx.start({ files: { kernel: OCTETS } });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const { version, octets } = await open(source);
    await drain(octets);
    const object = await open(source, OCTETS.length, version);
    expect(object.from).toBe(OCTETS.length);
    expect(await drain(object.octets)).toHaveLength(0);
  });
});

describe("probe", () => {
  test("tells whether the file is still the same", async () => {
    const nginx = await Nginx.start({ files: { kernel: "one" } });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const first = await source.probe(undefined, never());
    if (!first.changed) throw new Error("without a version everything is new");
    expect(first.version).toMatchObject({ size: 3, mtimeMs: expect.any(Number) });
    expect(await source.probe(first.version, never())).toEqual({ changed: false });
    const { lastModified = "" } = first.version;
    expect(await source.probe({ lastModified }, never())).toEqual({ changed: false });
    nginx.put("kernel", "other");
    expect(await source.probe(first.version, never())).toMatchObject({
      changed: true,
      version: { size: 5 },
    });
    expect(await nginx.requests(4)).toEqual([
      "HEAD /kernel 200",
      "HEAD /kernel 304",
      "HEAD /kernel 304",
      "HEAD /kernel 200",
    ]);
  });

  test("does without HEAD where the server refuses it", async () => {
    const nginx = await Nginx.start({
      server: "if ($request_method = HEAD) { return 405; }",
      files: { kernel: "one", empty: "" },
    });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const first = await source.probe(undefined, never());
    expect(first).toMatchObject({ changed: true, version: { size: 3 } });
    const known = first.changed ? first.version : {};
    expect(await source.probe(known, never())).toEqual({ changed: false });
    expect(await sourceOf(`${nginx.origin}/empty`).probe(undefined, never())).toMatchObject({
      version: { size: 0 },
    });
  });
});

describe("what servers do", () => {
  test("a slow one is waited for", async () => {
    const nginx = await Nginx.start({
      server: "limit_rate 400k;",
      files: { kernel: OCTETS.subarray(0, 600_000) },
    });
    const timeouts = { stallMs: 5_000 };
    const source = sourceOf(`${nginx.origin}/kernel`, { env: storeEnvironment({ timeouts }) });
    const start = performance.now();
    expect((await fetched(source)).equals(OCTETS.subarray(0, 600_000))).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(400);
  });

  test("a redirect in a circle is named", async () => {
    const nginx = await Nginx.start({
      server: "location /a { return 302 /b; } location /b { return 301 /a; }",
    });
    const { origin } = nginx;
    await expect(fetched(sourceOf(`${origin}/a`))).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: `${origin}/a -> ${origin}/b -> ${origin}/a: it redirects in a circle`,
    });
  });

  test("a redirect is followed with its range", async () => {
    const mirror = await Nginx.start({ files: { kernel: OCTETS } });
    const nginx = await Nginx.start({
      server: `location / { return 302 ${mirror.origin}$request_uri; }`,
    });
    const source = sourceOf(`${nginx.origin}/kernel`);
    const { version, octets } = await open(source);
    await drain(octets);
    const rest = await open(source, 2_000_000, version);
    expect((await drain(rest.octets)).equals(OCTETS.subarray(2_000_000))).toBe(true);
    expect(await mirror.requests(2)).toEqual(["GET /kernel 200", "GET /kernel 206"]);
  });

  test("compression is not asked for, and undone where it comes all the same", async () => {
    const text = Buffer.from("octets that compress well ".repeat(40_000));
    const polite = await Nginx.start({
      server: "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;",
      files: { kernel: text },
    });
    const object = await open(sourceOf(`${polite.origin}/kernel`));
    expect(object.version.size).toBe(text.length);
    expect((await drain(object.octets)).equals(text)).toBe(true);

    const rude = await Nginx.start({
      server: "gzip_static always;",
      files: { "kernel.gz": gzipSync(text) },
    });
    const source = sourceOf(`${rude.origin}/kernel`);
    const decoded = await open(source);
    expect(decoded.version).not.toHaveProperty("size");
    expect((await drain(decoded.octets)).equals(text)).toBe(true);
    const again = await open(source, 1_000, decoded.version);
    expect(again.from).toBe(0);
    expect((await drain(again.octets)).equals(text)).toBe(true);
  });

  test("basic credentials: right, wrong and none", async () => {
    const nginx = await Nginx.start({
      server: "auth_basic rack; auth_basic_user_file users;",
      files: { kernel: "x", "../users": "me:{PLAIN}pa ss€\n" },
    });
    const env = storeEnvironment({ variables: { RIGHT: "pa ss€", WRONG: "other" } });
    const by = (variable: string): At => ({
      env,
      access: { username: "me", password: { kind: "env", variable } },
    });
    const url = `${nginx.origin}/kernel`;
    expect(`${await fetched(sourceOf(url, by("RIGHT")))}`).toBe("x");
    for (const at of [by("WRONG"), { env }]) {
      await expect(fetched(sourceOf(url, at))).rejects.toMatchObject({
        code: "E_STORE_REFUSED",
        message: `${url}: it wants (other) credentials (401)`,
      });
    }
  });

  test("503 says when to come back, 404 that there is nothing", async () => {
    const nginx = await Nginx.start({
      server: "location /busy { add_header Retry-After 5 always; return 503; }",
    });
    await expect(fetched(sourceOf(`${nginx.origin}/busy`))).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      status: 503,
      retryAfterMs: 5_000,
    });
    await expect(fetched(sourceOf(`${nginx.origin}/none`))).rejects.toMatchObject({
      code: "E_STORE_MISSING",
    });
  });

  test("one that relays a store which breaks off", async () => {
    const broken = await rawHttp((_, socket) => {
      say(socket, 200, { "Content-Length": "100000" }, Buffer.alloc(40_000));
      socket.end();
    });
    const nginx = await Nginx.start({
      server: `location / { proxy_pass ${broken.origin}; proxy_http_version 1.1; }`,
    });
    await expect(fetched(sourceOf(`${nginx.origin}/kernel`))).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: `${nginx.origin}/kernel: it ended after 40000 of 100000 octets`,
    });
  });

  test("a name that nobody has", async () => {
    const env = storeEnvironment({ timeouts: { connectMs: 2_000 } });
    await expect(fetched(sourceOf("http://store.invalid/x", { env }))).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: expect.stringMatching(/name service|name has|came about in time/),
    });
  });
});
