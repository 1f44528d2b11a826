import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type PushedObject,
  type PushRequest,
  pushObject,
} from "../../../agent/assets/stores/push-s3.ts";
import type { S3Target } from "../../../agent/assets/stores/s3-address.ts";
import { S3Source } from "../../../agent/assets/stores/s3-source.ts";
import type { StoreEnvironment } from "../../../agent/assets/stores/store-environment.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";
import { never, storeEnvironment } from "../../support/store-environment.ts";
import { tempDir } from "../../support/temp-dir.ts";

const MIB = 1024 * 1024;
/** Over the limit of one request, with a last part that is not full. */
const LARGE = 66 * MIB + 12_345;

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
  await server.createBucket("made");
});
afterAll(() => server?.stop());

function target(key: string): S3Target {
  return {
    kind: "s3",
    bucket: "made",
    key,
    endpoint: server.endpoint,
    region: server.region,
    pathStyle: true,
    accessKey: { kind: "env", variable: "KEY" },
    secretKey: { kind: "env", variable: "SECRET" },
  };
}

function request(key: string, file: string, change: Partial<PushRequest> = {}): PushRequest {
  return {
    target: target(key),
    file,
    contentType: "application/octet-stream",
    environment: environment(server.secretKey),
    existing: "refuse",
    signal: never(),
    ...change,
  };
}

function environment(secret: string): StoreEnvironment {
  return storeEnvironment({
    variables: { KEY: server.accessKey, SECRET: secret },
    warn: (text) => {
      throw new Error(text);
    },
  });
}

function push(key: string, file: string, change?: Partial<PushRequest>): Promise<PushedObject> {
  return pushObject(request(key, file, change));
}

/** What a reader gets: SHA-256 and length, and what the store says about it. */
async function readBack(key: string): Promise<{ sha256: string; size: number; etag: unknown }> {
  const source = new S3Source(target(key), environment(server.secretKey));
  const opened = await source.open({ from: 0, signal: never() });
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of opened.octets) {
    hash.update(piece);
    size += piece.length;
  }
  return { sha256: hash.digest("hex"), size, etag: opened.version.etag };
}

function fileOf(content: string | Uint8Array): string {
  return path.join(tempDir({ file: content }), "file");
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function large(): Uint8Array {
  const octets = new Uint8Array(LARGE);
  for (let i = 0; i < LARGE; i += 4099) octets[i] = i / 4099;
  return octets;
}

describe("a small file", () => {
  it.each(["plain", "sp ace/pl+us/ünï//x", "we'ird!*()&=?#%"])(
    "is put to %s and read back",
    async (key) => {
      const pushed = await push(key, fileOf(key));
      expect(pushed).toMatchObject({ sha256: sha256(key), sent: true });
      const { sha256: digest, size, etag } = pushed;
      expect(await readBack(key)).toEqual({ sha256: digest, size, etag });
    },
  );

  it("may be empty", async () => {
    expect(await push("empty", fileOf(""))).toMatchObject({ size: 0, sha256: sha256("") });
    expect(await readBack("empty")).toMatchObject({ size: 0, sha256: sha256("") });
  });

  it("is not sent again, and replaced only where that is said", async () => {
    const first = await push("kept", fileOf("one"));
    expect(await push("kept", fileOf("one"))).toEqual({ ...first, sent: false });
    await expect(push("kept", fileOf("two"))).rejects.toMatchObject({
      code: "E_USAGE",
      message: expect.stringContaining("s3://made/kept"),
    });
    expect(await readBack("kept")).toMatchObject({ sha256: sha256("one") });
    expect(await push("kept", fileOf("two"), { existing: "overwrite" })).toMatchObject({
      sent: true,
    });
    expect(await readBack("kept")).toMatchObject({ sha256: sha256("two") });
  });

  it("is refused for a wrong key, and for a bucket that is not there", async () => {
    const wrong = environment("a-wrong-one");
    for (const existing of ["refuse", "overwrite"] as const) {
      await expect(
        push("refused", fileOf("x"), { environment: wrong, existing }),
      ).rejects.toMatchObject({ code: "E_STORE_REFUSED" });
      await expect(
        push("x", fileOf("x"), { target: { ...target("x"), bucket: "nowhere" }, existing }),
      ).rejects.toMatchObject({
        code: "E_STORE_MISSING",
        message: expect.stringContaining("no such bucket"),
      });
    }
  });
});

describe("a large file", () => {
  it("is put in parts, with progress, and read back", async () => {
    const content = large();
    const told: number[] = [];
    const pushed = await push("large", fileOf(content), {
      contentType: "application/x-large",
      progress: (sent, total) => {
        expect(total).toBe(LARGE);
        told.push(sent);
      },
    });
    expect(pushed).toEqual({
      sha256: sha256(content),
      size: LARGE,
      etag: expect.stringMatching(/^"[0-9a-f]{32}-9"$/),
      sent: true,
    });
    expect(told.at(-1)).toBe(LARGE);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(await readBack("large")).toEqual({
      sha256: pushed.sha256,
      size: LARGE,
      etag: pushed.etag,
    });
    expect(await push("large", fileOf(content))).toMatchObject({ sent: false });
    await expectNothingLeft();
  });

  it("leaves nothing behind when it is given up", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const pushing = push("given-up", fileOf(large()), {
      signal: stop.signal,
      progress: (sent) => {
        if (sent > 20 * MIB) stop.abort(reason);
      },
    });
    await expect(pushing).rejects.toBe(reason);
    await expect(readBack("given-up")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    await expectNothingLeft();
  });

  it("is not put together when it was written to meanwhile", async () => {
    const file = fileOf(large());
    let written: Promise<void> | undefined;
    const pushing = push("changed", file, {
      progress: () => {
        written ??= writeFile(file, new Uint8Array(LARGE).fill(7));
      },
    });
    await expect(pushing).rejects.toMatchObject({
      code: "E_ASSET_CHANGED",
      message: expect.stringContaining(file),
    });
    await written;
    await expect(readBack("changed")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    await expectNothingLeft();
  });
});

/** No upload under way: the store would keep its parts for ever. */
async function expectNothingLeft(): Promise<void> {
  expect(await server.ask("GET", "/made?uploads=")).not.toContain("<UploadId>");
}
