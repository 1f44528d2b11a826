import { describe, expect, it } from "vitest";
import { type HttpMessage, HttpReader } from "../../../../agent/replay/http-reader.ts";
import { digestOf } from "../../../../agent/replay/message.ts";

function read(
  pieces: readonly (string | number)[],
  methods: readonly string[] = ["GET"],
): HttpMessage[] {
  const messages: HttpMessage[] = [];
  const queue = [...methods];
  const reader = new HttpReader(
    (m) => messages.push(m),
    () => queue.shift() !== "HEAD",
  );
  for (const piece of pieces) {
    if (typeof piece === "number") reader.gap(piece);
    else reader.feed(Buffer.from(piece, "latin1"));
  }
  reader.end();
  return messages;
}

const OK = "HTTP/1.1 200 OK\r\n";
const ABC = digestOf(Buffer.from("abc"));

describe("HttpReader", () => {
  it("reads messages in any pieces", () => {
    const text = `${OK}Content-Length: 3\r\nX-A: 1\r\nx-a: 2\r\n\r\nabc${OK}Content-Length: 0\r\n\r\n`;
    const messages = read([...text], ["GET", "GET"]);
    expect(messages.map((m) => [m.bodyLen, m.sha256, m.complete])).toEqual([
      [3, ABC, true],
      [0, digestOf(new Uint8Array(0)), true],
    ]);
    expect(messages[0]?.headers.get("x-a")).toBe("1, 2");
  });

  it("takes no body for HEAD, 204 and 304, each in its turn", () => {
    const text = `${OK}Content-Length: 9\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n${OK}Content-Length: 3\r\n\r\nabc`;
    const messages = read([text], ["HEAD", "GET", "GET"]);
    expect(messages.map((m) => m.bodyLen)).toEqual([0, 0, 3]);
  });

  it("passes over 100 Continue", () => {
    const messages = read([`HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 3\r\n\r\nabc`]);
    expect(messages.map((m) => m.startLine)).toEqual(["HTTP/1.1 200 OK"]);
  });

  it("joins chunks", () => {
    const text = `${OK}Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nT: v\r\n\r\n`;
    expect(read([text]).map((m) => [m.bodyLen, m.sha256])).toEqual([[3, ABC]]);
    expect(read([...text]).map((m) => [m.bodyLen, m.sha256])).toEqual([[3, ABC]]);
  });

  it("ends a body without a length with the connection", () => {
    expect(read([`${OK}\r\nab`, "c"]).map((m) => [m.bodyLen, m.sha256, m.complete])).toEqual([
      [3, ABC, true],
    ]);
  });

  it("counts a hole in a body and gives no digest", () => {
    const messages = read(
      [`${OK}Content-Length: 5\r\n\r\na`, 3, `e${OK}Content-Length: 3\r\n\r\nabc`],
      ["GET", "GET"],
    );
    expect(messages.map((m) => [m.bodyLen, m.sha256, m.complete])).toEqual([
      [5, undefined, true],
      [3, ABC, true],
    ]);
  });

  it("reads nothing behind a hole in a head, or where it is not told how long a chunk is", () => {
    expect(read([OK, 5, `${OK}Content-Length: 0\r\n\r\n`])).toEqual([]);
    const chunked = read([`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\na`, 3, "\r\n0\r\n\r\n"]);
    expect(chunked.map((m) => [m.bodyLen, m.sha256, m.complete])).toEqual([[1, undefined, false]]);
  });

  it("keeps no head without end", () => {
    expect(read(["a".repeat(70_000), `\r\n\r\n${OK}Content-Length: 0\r\n\r\n`])).toEqual([]);
  });
});
