import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { pushObject } from "../../../../../agent/assets/stores/push-s3.ts";
import { PushFile } from "../../../../../agent/assets/stores/push-s3-file.ts";
import {
  type PartsRequest,
  sendParts,
} from "../../../../../agent/assets/stores/push-s3-multipart.ts";
import type { S3Target } from "../../../../../agent/assets/stores/s3-address.ts";
import { type RawRequest, type RawServer, rawHttp, say } from "../../../../support/raw-http.ts";
import { never, storeEnvironment } from "../../../../support/store-environment.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const CONTENT = "0123456789";
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

/** What a request is answered with; undefined: the connection is closed. */
type Reply = readonly [status: number, headers?: Readonly<Record<string, string>>, body?: string];

/** A bucket that takes everything, unless `say` says otherwise for a request ("PUT 2": part 2; the n-th such request). */
async function bucket(
  rule: (step: string, nth: number) => Reply | "hang up" | undefined,
): Promise<RawServer & { readonly steps: readonly string[] }> {
  const steps: string[] = [];
  const server = await rawHttp((request, socket) => {
    const step = stepOf(request);
    steps.push(step);
    const reply =
      rule(step, steps.filter((s) => s === step).length) ?? USUAL[step.split(" ")[0] ?? ""];
    if (reply === undefined || reply === "hang up") socket.destroy();
    else say(socket, reply[0], reply[1], request.method === "HEAD" ? "" : reply[2]);
  });
  return Object.assign(server, { steps });
}

const NOT_THERE: Reply = [404, {}, "<Error><Code>NoSuchKey</Code></Error>"];
const USUAL: Readonly<Record<string, Reply>> = {
  HEAD: NOT_THERE,
  GET: NOT_THERE,
  BEGIN: [
    200,
    {},
    "<InitiateMultipartUploadResult><UploadId>up&amp;1</UploadId></InitiateMultipartUploadResult>",
  ],
  PART: [200, { ETag: '"p"' }],
  END: [
    200,
    {},
    '<CompleteMultipartUploadResult><ETag>"whole-3"</ETag></CompleteMultipartUploadResult>',
  ],
  ABORT: [204],
  PUT: [200, { ETag: '"whole"' }],
};

function stepOf({ method, target }: RawRequest): string {
  const query = new URL(target, "http://h").searchParams;
  const part = query.get("partNumber");
  if (part !== null) return `PART ${part}`;
  if (method === "POST") return query.has("uploads") ? "BEGIN" : "END";
  return method === "DELETE" ? "ABORT" : method;
}

function targetOf(server: RawServer): S3Target {
  return {
    kind: "s3",
    bucket: "made",
    key: "k",
    endpoint: server.origin,
    region: "us-east-1",
    pathStyle: true,
    accessKey: { kind: "env", variable: "KEY" },
    secretKey: { kind: "env", variable: "SECRET" },
  };
}

const VARIABLES = { variables: { KEY: "k", SECRET: "s" } };

/** Puts CONTENT in one request. */
function push(server: RawServer, existing: "refuse" | "overwrite" = "refuse"): Promise<unknown> {
  return pushObject({
    target: targetOf(server),
    file: path.join(tempDir({ file: CONTENT }), "file"),
    contentType: "text/plain",
    environment: storeEnvironment(VARIABLES),
    existing,
    signal: never(),
  });
}

/** Puts CONTENT in parts of 4, 4 and 2 octets. */
async function pushParts(
  server: RawServer,
  change: Partial<Pick<PartsRequest, "overwrite" | "signal" | "sent" | "pause">> = {},
): Promise<{ readonly etag: unknown; readonly warnings: readonly string[] }> {
  const env = storeEnvironment(VARIABLES);
  const file = await PushFile.open(path.join(tempDir({ file: CONTENT }), "file"));
  onTestFinished(() => file.close());
  const { sha256, parts } = await file.digests(4, never());
  expect(sha256).toBe(SHA256);
  const etag = await sendParts({
    env,
    target: targetOf(server),
    file,
    sha256,
    parts,
    headers: { "content-type": "text/plain", "x-amz-meta-sha256": sha256 },
    overwrite: false,
    sent: () => undefined,
    signal: never(),
    pause: async () => undefined,
    ...change,
  });
  return { etag, warnings: env.warnings };
}

describe("one request", () => {
  it("carries the digest, signed, and does not overwrite", async () => {
    const server = await bucket(() => undefined);
    expect(await push(server)).toEqual({ sha256: SHA256, size: 10, etag: '"whole"', sent: true });
    expect(server.steps).toEqual(["HEAD", "GET", "PUT"]);
    expect(server.requests.at(-1)).toMatchObject({
      body: CONTENT,
      headers: {
        "content-type": "text/plain",
        "content-length": "10",
        "if-none-match": "*",
        "x-amz-meta-sha256": SHA256,
        "x-amz-content-sha256": SHA256,
        authorization: expect.stringContaining(
          "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-sha256,",
        ),
      },
    });
  });

  it("overwrites without asking where that is said", async () => {
    const server = await bucket(() => undefined);
    await push(server, "overwrite");
    expect(server.steps).toEqual(["PUT"]);
    expect(server.requests[0]?.headers).not.toHaveProperty("if-none-match");
  });

  it.each([412, 409])("loses against a writer who was faster (%i)", async (status) => {
    const server = await bucket((step) => (step === "PUT" ? [status] : undefined));
    await expect(push(server)).rejects.toMatchObject({
      code: "E_USAGE",
      message: expect.stringContaining("is there already"),
    });
  });

  it("goes without If-None-Match to a store that does not know it", async () => {
    const server = await bucket((step, nth) => (step === "PUT" && nth === 1 ? [501] : undefined));
    expect(await push(server)).toMatchObject({ sent: true });
    expect(server.requests.at(-1)).toMatchObject({ body: CONTENT });
    expect(server.requests.at(-1)?.headers).not.toHaveProperty("if-none-match");
  });

  it("is not made when the store already has it", async () => {
    const there: Reply = [
      200,
      { "x-amz-meta-sha256": SHA256, "Content-Length": "10", ETag: '"e"' },
    ];
    const server = await bucket((step) => (step === "HEAD" ? there : undefined));
    expect(await push(server)).toEqual({ sha256: SHA256, size: 10, etag: '"e"', sent: false });
    expect(server.steps).toEqual(["HEAD"]);
  });

  it.each([
    ["no digest", { "Content-Length": "10" }],
    ["another length", { "Content-Length": "11", "x-amz-meta-sha256": SHA256 }],
  ])("is not made when there is something with %s", async (_, headers) => {
    const server = await bucket((step) => (step === "HEAD" ? [200, headers] : undefined));
    await expect(push(server)).rejects.toMatchObject({ code: "E_USAGE" });
    expect(server.steps).toEqual(["HEAD"]);
  });

  it("is not made when the store does not say whether something is there", async () => {
    const denied: Reply = [403, {}, "<Error><Code>AccessDenied</Code></Error>"];
    const server = await bucket((step) => (step === "PUT" ? undefined : denied));
    await expect(push(server)).rejects.toMatchObject({ code: "E_STORE_REFUSED" });
    expect(server.steps).not.toContain("PUT");
  });
});

describe("a file that cannot be sent", () => {
  it.each([
    ["none", "E_ASSET_MISSING"],
    ["folder", "E_ASSET_READ"],
  ])("%s", async (name, code) => {
    const dir = tempDir();
    mkdirSync(path.join(dir, "folder"));
    await expect(PushFile.open(path.join(dir, name))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path.join(dir, name)),
    });
  });
});

describe("parts", () => {
  it("carry their digests and are put together in order", async () => {
    const server = await bucket(() => undefined);
    expect(await pushParts(server)).toEqual({ etag: '"whole-3"', warnings: [] });
    const parts = server.requests.filter((r) => stepOf(r).startsWith("PART"));
    expect(new Map(parts.map((r) => [stepOf(r), r.body]))).toEqual(
      new Map([
        ["PART 1", "0123"],
        ["PART 2", "4567"],
        ["PART 3", "89"],
      ]),
    );
    for (const { body, headers, target } of parts) {
      expect(headers["x-amz-content-sha256"]).toBe(createHash("sha256").update(body).digest("hex"));
      expect(new URL(target, "http://h").searchParams.get("uploadId")).toBe("up&1");
    }
    expect(server.requests[0]?.headers).toMatchObject({
      "x-amz-meta-sha256": SHA256,
      "content-type": "text/plain",
    });
    const end = server.requests.at(-1);
    expect(end?.headers).toMatchObject({ "if-none-match": "*" });
    expect(
      [...(end?.body ?? "").matchAll(/<PartNumber>(\d)<\/PartNumber><ETag>&#34;p&#34;/g)].map(
        (m) => m[1],
      ),
    ).toEqual(["1", "2", "3"]);
  });

  it.each<Reply | "hang up">([
    [503, { "Retry-After": "0" }],
    "hang up",
    [400, {}, "<Error><Code>BadDigest</Code></Error>"],
  ])("are sent again when the store answers %j once", async (reply) => {
    const server = await bucket((step, nth) =>
      step === "PART 2" && nth === 1 ? reply : undefined,
    );
    const counts: number[] = [];
    await pushParts(server, { sent: (octets) => counts.push(octets) });
    expect(server.steps.filter((s) => s === "PART 2")).toHaveLength(2);
    expect(counts.reduce((a, b) => a + b)).toBe(10);
    expect(counts.some((octets) => octets < 0)).toBe(true);
  });

  it("wait longer from time to time, and as long as the store asks for", async () => {
    const busy: Reply = [503, { "Retry-After": "3" }];
    const server = await bucket((step, nth) => {
      if (step !== "PART 2" || nth > 3) return undefined;
      return nth === 3 ? busy : [503];
    });
    const pauses: number[] = [];
    const pause = async (ms: number): Promise<void> => void pauses.push(ms);
    await pushParts(server, { pause });
    const [first = 0, second = 0, third = 0] = pauses;
    expect(first).toBeGreaterThanOrEqual(250);
    expect(first).toBeLessThan(750);
    expect(second).toBeGreaterThanOrEqual(500);
    expect(second).toBeLessThan(1500);
    expect(third).toBeGreaterThanOrEqual(3000);
    expect(pauses).toHaveLength(3);
  });

  it("end with the signal's reason while they wait", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const server = await bucket((step) => {
      if (step !== "PART 2") return undefined;
      setImmediate(() => setImmediate(() => stop.abort(reason)));
      return [503, { "Retry-After": "60" }];
    });
    const waiting = pushParts(server, { signal: stop.signal, pause: undefined });
    await expect(waiting).rejects.toBe(reason);
    expect(server.steps.at(-1)).toBe("ABORT");
  });

  it("are given up, and the upload is aborted, when the store refuses one", async () => {
    const server = await bucket((step) =>
      step === "PART 2" ? [403, {}, "<Error><Code>AccessDenied</Code></Error>"] : undefined,
    );
    await expect(pushParts(server)).rejects.toMatchObject({
      code: "E_STORE_REFUSED",
      cure: expect.stringContaining("s3:PutObject"),
    });
    expect(server.steps.filter((s) => s === "PART 2")).toHaveLength(1);
    expect(server.steps.at(-1)).toBe("ABORT");
    expect(server.steps).not.toContain("END");
  });

  it("that were left behind are reported", async () => {
    const server = await bucket((step) => {
      if (step === "ABORT") return [403];
      return step === "PART 1" ? [403] : undefined;
    });
    const env = storeEnvironment(VARIABLES);
    const file = await PushFile.open(path.join(tempDir({ file: CONTENT }), "file"));
    onTestFinished(() => file.close());
    const { sha256, parts } = await file.digests(4, never());
    const sending = sendParts({
      ...{ env, target: targetOf(server), file, sha256, parts, headers: {} },
      ...{ overwrite: true, sent: () => undefined, signal: never() },
    });
    await expect(sending).rejects.toMatchObject({ code: "E_STORE_REFUSED" });
    expect(env.warnings).toEqual([expect.stringContaining("bucket made")]);
  });

  it("end with the signal's reason, and the upload is aborted", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const server = await bucket(() => undefined);
    const sent = (): void => stop.abort(reason);
    await expect(pushParts(server, { signal: stop.signal, sent })).rejects.toBe(reason);
    expect(server.steps.at(-1)).toBe("ABORT");
  });
});

describe("the end of an upload", () => {
  it("may be a failure with status 200", async () => {
    const failed: Reply = [200, {}, "  \n<Error><Code>InternalError</Code></Error>"];
    const server = await bucket((step) => (step === "END" ? failed : undefined));
    await expect(pushParts(server)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("InternalError"),
    });
    expect(server.steps.filter((s) => s === "END")).toHaveLength(6);
    expect(server.steps.at(-1)).toBe("ABORT");
  });

  it("is asked for again when it failed in passing", async () => {
    const failed: Reply = [200, {}, "<Error><Code>InternalError</Code></Error>"];
    const server = await bucket((step, nth) => (step === "END" && nth < 6 ? failed : undefined));
    expect(await pushParts(server)).toMatchObject({ etag: '"whole-3"' });
    expect(server.steps).not.toContain("ABORT");
  });

  it("may have come already with an attempt whose answer was lost", async () => {
    const gone: Reply = [404, {}, "<Error><Code>NoSuchUpload</Code></Error>"];
    const there: Reply = [200, { "x-amz-meta-sha256": SHA256, ETag: '"e"' }];
    const server = await bucket((step, nth) => {
      if (step === "END") return nth === 1 ? "hang up" : gone;
      return step === "HEAD" && nth > 1 ? there : undefined;
    });
    expect(await pushParts(server)).toMatchObject({ etag: '"e"' });
  });

  it("may be lost although the object is there", async () => {
    const there: Reply = [200, { "x-amz-meta-sha256": SHA256, ETag: '"e"' }];
    const server = await bucket((step) => {
      if (step === "END") return "hang up";
      return step === "HEAD" ? there : undefined;
    });
    expect(await pushParts(server)).toMatchObject({ etag: '"e"' });
    expect(server.steps).not.toContain("ABORT");
  });

  it("is lost when the object is not there", async () => {
    const server = await bucket((step) => (step === "END" ? "hang up" : undefined));
    await expect(pushParts(server)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(server.steps.at(-1)).toBe("ABORT");
  });

  it("does not overwrite what came meanwhile", async () => {
    const server = await bucket((step) => (step === "END" ? [412] : undefined));
    await expect(pushParts(server)).rejects.toMatchObject({ code: "E_USAGE" });
    expect(server.steps.at(-1)).toBe("ABORT");
  });

  it("is asked for again without If-None-Match where the store does not know it", async () => {
    const server = await bucket((step, nth) => (step === "END" && nth === 1 ? [501] : undefined));
    await pushParts(server);
    expect(server.steps.filter((s) => s.startsWith("PART"))).toHaveLength(3);
    expect(server.requests.at(-1)?.headers).not.toHaveProperty("if-none-match");
  });
});
