import fc from "fast-check";
import { expect, test } from "vitest";
import { exchange } from "../../../../../agent/assets/stores/http-exchange.ts";
import { HttpSource } from "../../../../../agent/assets/stores/http-source.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { rawHttp } from "../../../../support/raw-http.ts";
import { drain, never, storeEnvironment } from "../../../../support/store-environment.ts";

const line = fc.constantFrom(
  "HTTP/1.1 200 OK",
  "HTTP/1.1 206 Partial Content",
  "HTTP/1.0 200 OK",
  "HTTP/1.1 302 Found",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 416 x",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
  "HTTP/1.1 999 x",
  "HTTP/9 200",
  "",
);
const field = fc.constantFrom(
  "Content-Length: 5",
  "Content-Length: 50",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip, chunked",
  "Content-Encoding: gzip",
  "Content-Encoding: br, deflate",
  "Content-Range: bytes 4-9/10",
  "Content-Range: bytes 4-99999999999999999999/*",
  'ETag: "v1"',
  "ETag: \u0000\u00ff",
  "Last-Modified: never",
  "Date: 9999999999",
  "Location: /a",
  "Location: //",
  "Location: http://user:pass@127.0.0.1:1/",
  "Retry-After: -1",
  "Connection: close",
  "Connection: upgrade\r\nUpgrade: x",
  `X: ${"y".repeat(20_000)}`,
);
const answer = fc
  .record({
    line,
    fields: fc.array(field, { maxLength: 4 }),
    body: fc.oneof(
      fc.constantFrom("hello", "5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n"),
      fc.uint8Array({ maxLength: 64 }).map((o) => Buffer.from(o).toString("latin1")),
    ),
  })
  .map((a) => [a.line, ...a.fields, "", a.body].join("\r\n"));

test("whatever a server says ends in octets or in an error of the table", async () => {
  const words = new Map<string, string>();
  const server = await rawHttp((request, socket) => {
    socket.end(Buffer.from(words.get(request.target.split("?")[1] ?? "") ?? "", "latin1"));
  });
  const timeouts = { connectMs: 1_000, headersMs: 1_000, stallMs: 1_000 };
  const env = storeEnvironment({ timeouts });
  let n = 0;
  const told = async (what: Promise<unknown>): Promise<void> => {
    const error = await what.then(
      () => undefined,
      (e: unknown) => e,
    );
    if (error !== undefined) expect(error).toBeInstanceOf(AgentError);
  };
  await fc.assert(
    fc.asyncProperty(answer, async (text) => {
      words.clear();
      words.set(`${++n}`, text);
      const url = `${server.origin}/x?${n}`;
      const signal = never();
      const source = new HttpSource({ kind: "http", url, access: {} }, env);
      const known = { size: 10, etag: '"v1"' };
      const whole = { from: 0, signal };
      const rest = { from: 4, version: known, signal };
      await told(source.open(whole).then((o) => drain(o.octets)));
      await told(source.open(rest).then((o) => drain(o.octets)));
      await told(source.probe(known, signal));
      const put = { method: "PUT", url, body: Buffer.from("x"), signal } as const;
      await told(exchange(env, put).then((a) => a.text(1_000)));
    }),
    { interruptAfterTimeLimit: 3_000, numRuns: 100_000 },
  );
  expect(n).toBeGreaterThan(20);
});
