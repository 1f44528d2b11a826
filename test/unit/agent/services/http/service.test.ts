import { truncateSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpService } from "../../../../../agent/services/http/service.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { FakeSocket } from "../../../../support/fake-socket.ts";
import { KERNEL, pattern, RACK, RACK_FILES, testRack } from "../../../../support/test-site.ts";

const MINIPC = "172.24.42.60";
const STRANGER = "172.24.42.99";

async function setUp(files = RACK_FILES) {
  const rack = await testRack(RACK, files);
  const server = new HttpService(rack.context).createServer();
  onTestFinished(() => server.closeAllConnections());
  const connect = (from = MINIPC): FakeSocket => {
    const socket = new FakeSocket(from);
    server.emit("connection", socket);
    return socket;
  };
  /** One request on a connection of its own, and what came back until the agent closed it. */
  const ask = async (head: string, from = MINIPC) => {
    const socket = connect(from);
    socket.arrive(`${head.trim().replaceAll("\n", "\r\n")}\r\nConnection: close\r\n\r\n`);
    await eventually(() => socket.writableFinished || socket.destroyed, "the end of the answer");
    return parse(socket);
  };
  return { ...rack, server, connect, ask };
}

function parse(socket: FakeSocket) {
  const end = socket.text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = socket.text.slice(0, Math.max(end, 0)).split("\r\n");
  const headers = new Headers(
    lines.map((l) => [l.slice(0, l.indexOf(":")), l.slice(l.indexOf(":") + 1).trim()]),
  );
  const body = end < 0 ? Buffer.alloc(0) : socket.received.subarray(end + 4);
  return { status: Number(statusLine.split(" ")[1]), headers, body, text: socket.text };
}

describe("HttpService", () => {
  it("gives a machine its files, with validators that stay", async () => {
    const { ask, last, cache } = await setUp();
    const first = await ask("GET /netbsd HTTP/1.1\nHost: 172.24.42.150");
    expect(first.status).toBe(200);
    expect([...first.body]).toEqual([...KERNEL]);
    expect(first.headers.get("content-length")).toBe("5000");
    expect(first.headers.get("accept-ranges")).toBe("bytes");
    expect(cache.loans).toBe(0);
    expect(first.headers.get("content-type")).toBe("application/octet-stream");
    expect(last()).toMatchObject({
      machine: "minipc",
      protocol: "http",
      event: "GET /netbsd",
      outcome: "done",
      octets: 5_000,
      total: 5_000,
    });
    const again = await ask("GET //netbsd HTTP/1.1\nHost: x");
    for (const name of ["etag", "last-modified"]) {
      expect(again.headers.get(name)).toBe(first.headers.get(name));
      expect(first.headers.get(name)).toBeTruthy();
    }
  });

  it.each([
    ["HTTP/1.0 without a Host, as U-Boot says it", "GET /netbsd HTTP/1.0"],
    ["HTTP/1.1 without a Host", "GET /netbsd HTTP/1.1"],
    ["an empty Host", "GET /netbsd HTTP/1.1\nHost:"],
    ["a Host that is none", "GET /netbsd HTTP/1.1\nHost: a b{}"],
    ["a whole URL", "GET http://172.24.42.150/netbsd HTTP/1.1\nHost: x"],
    ["a query", "GET /netbsd?mac=1 HTTP/1.1\nHost: x"],
    ["escapes", "GET /%6eetbsd HTTP/1.1\nHost: x"],
    ["double slashes, without redirecting", "GET //boot//kernel HTTP/1.1\nHost: x"],
  ])("understands %s", async (_, head) => {
    const { ask } = await setUp();
    const { status, body } = await ask(head);
    expect(status).toBe(200);
    expect(body.length).toBe(5_000);
  });

  it.each([
    "/none",
    "/",
    "/../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/boot%5c..%5c..%5cetc",
    "/%",
    "/netbsd%00",
  ])("has no %s", async (asked) => {
    const { ask, last } = await setUp();
    const { status } = await ask(`GET ${asked} HTTP/1.1\nHost: x`);
    expect(status).toBe(404);
    expect(last()).toMatchObject({ outcome: "refused", reply: "status 404" });
  });

  it("says the size to HEAD, and nothing else, whatever range it names", async () => {
    const { ask, last } = await setUp();
    for (const more of ["", "\nRange: bytes=0-9"]) {
      const { status, headers, body } = await ask(`HEAD /netbsd HTTP/1.1\nHost: x${more}`);
      expect([status, headers.get("content-length"), body.length]).toEqual([200, "5000", 0]);
    }
    expect(last()).toMatchObject({ event: "HEAD /netbsd", outcome: "answered" });
    expect((await ask("HEAD /none HTTP/1.1\nHost: x")).status).toBe(404);
  });

  it("gives a part, and says of which whole", async () => {
    const { ask, last } = await setUp();
    const head = "GET /netbsd HTTP/1.1\nHost: x\nRange: bytes=1000-2999";
    const { status, headers, body } = await ask(head);
    expect(status).toBe(206);
    expect(headers.get("content-range")).toBe("bytes 1000-2999/5000");
    expect([...body]).toEqual([...KERNEL.subarray(1_000, 3_000)]);
    expect(last()).toMatchObject({
      event: "GET /netbsd from octet 1000",
      octets: 2_000,
      total: 2_000,
    });
  });

  it("journals 416, 412 and 304 too", async () => {
    const { ask, last } = await setUp();
    const past = await ask("GET /netbsd HTTP/1.1\nHost: x\nRange: bytes=5000-");
    expect([past.status, past.headers.get("content-range")]).toEqual([416, "bytes */5000"]);
    expect(last()).toMatchObject({ outcome: "refused", reply: "status 416" });
    expect((await ask('GET /netbsd HTTP/1.1\nHost: x\nIf-Match: "old"')).status).toBe(412);
    expect(last()).toMatchObject({ outcome: "refused", reply: "status 412" });
    const tag = past.headers.get("etag");
    const fresh = await ask(`GET /netbsd HTTP/1.1\nHost: x\nIf-None-Match: ${tag}`);
    expect([fresh.status, fresh.headers.get("etag"), fresh.body.length]).toEqual([304, tag, 0]);
    expect(last()).toMatchObject({ outcome: "answered", reply: "status 304" });
  });

  it("says 503 of what cannot be had, and why in the journal alone", async () => {
    const { ask, dir, last } = await setUp();
    for (const asked of ["/broken", "/netbsd"]) {
      if (asked === "/netbsd") truncateSync(path.join(dir, "netbsd"), 10);
      const { status, text } = await ask(`GET ${asked} HTTP/1.1\nHost: x`);
      expect(status).toBe(503);
      expect(text).not.toContain(dir);
      expect(last()).toMatchObject({ outcome: "refused" });
      expect(last().decision).toContain(dir);
    }
  });

  it("breaks the connection when a file changes under way: what came is never taken for the whole", async () => {
    const { connect, dir, last } = await setUp({ ...RACK_FILES, netbsd: pattern(4_000_000) });
    const socket = connect();
    socket.stalled = true;
    socket.arrive("GET /netbsd HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually(() => socket.writableLength > 0, "an answer");
    truncateSync(path.join(dir, "netbsd"), 1_000);
    socket.drain();
    await eventually(() => socket.destroyed, "the connection to break");
    expect(parse(socket).body.length).toBeLessThan(4_000_000);
    await eventually(() => last().outcome === "failed", "the journal's word");
    expect(last().decision).toContain("changed since it was verified");
  });

  it("stops reading for a client that went away, and journals how far it got", async () => {
    const { connect, journal, last, cache } = await setUp({
      ...RACK_FILES,
      netbsd: pattern(4_000_000),
    });
    const socket = connect();
    socket.stalled = true;
    socket.arrive("GET /netbsd HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually(() => socket.writableLength > 0, "an answer");
    socket.destroy();
    await eventually(() => journal.entries().length > 0, "the journal's word");
    expect(last()).toMatchObject({
      outcome: "failed",
      decision: "the client went away",
      total: 4_000_000,
    });
    expect(last().octets).toBeLessThan(4_000_000);
    expect(cache.octets).toBeLessThanOrEqual(cache.budget);
  });

  it("does not call a short file done that its client did not wait for", async () => {
    const { connect, journal, last } = await setUp({ ...RACK_FILES, netbsd: pattern(100_000) });
    const socket = connect();
    socket.stalled = true;
    socket.arrive("GET /netbsd HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually(() => socket.writableLength > 0, "an answer");
    socket.destroy();
    await eventually(() => journal.entries().length > 0, "the journal's word");
    expect(last()).toMatchObject({ outcome: "failed", decision: "the client went away" });
  });

  it("refuses other methods with those there are", async () => {
    const { ask } = await setUp();
    const { status, headers } = await ask("POST /netbsd HTTP/1.1\nHost: x\nContent-Length: 0");
    expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it.each([
    "GET /netbsd HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /netbsd HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b{}\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "rubbish\r\n\r\n",
    `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
  ])("gives a stranger no octet: %j", async (request) => {
    const { connect, journal } = await setUp();
    const socket = connect(STRANGER);
    socket.arrive(request);
    await eventually(() => socket.destroyed, "the connection to close");
    await settle();
    expect(socket.text).toBe("");
    for (const entry of journal.entries()) {
      expect(entry).toMatchObject({ outcome: "silent", machine: null, address: STRANGER });
    }
  });

  it("says in the journal what a stranger asked", async () => {
    const { connect, last } = await setUp();
    const socket = connect(STRANGER);
    socket.arrive("GET /netbsd HTTP/1.0\r\n\r\n");
    await eventually(() => socket.destroyed, "the connection to close");
    expect(last().event).toBe("GET /netbsd by 172.24.42.99");
  });
});
