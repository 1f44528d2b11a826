import { once } from "node:events";
import { Agent, request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { CONNECTION_LIMITS } from "../../../../../agent/control/server/connections.ts";
import { RawClient } from "../../../../support/control/raw-client.ts";
import { COSE, ServerRig } from "../../../../support/control/rig.ts";
import { SAMPLES } from "../../../../support/control/samples.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { until } from "../../../../support/until.ts";

const GET = "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

function soon(condition: () => boolean, what: string): Promise<boolean> {
  return until(what, condition);
}

async function client(
  rig: ServerRig,
  options: Parameters<typeof RawClient.open>[1] = {},
): Promise<RawClient> {
  const made = await RawClient.open(rig.port, options);
  onTestFinished(() => made.destroy());
  return made;
}

describe("HTTP and TLS on one port", () => {
  it.each([false, true])("answers GET, TLS %s", async (tls) => {
    const rig = await ServerRig.open();
    const { status, headers, value } = await rig.ask("/v1/status", { tls });
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/cbor");
    expect(value).toEqual(SAMPLES["status.get"].results[0]);
    const caller = { kind: "reader", address: "127.0.0.1" };
    expect(rig.asked).toMatchObject([{ verb: "status.get", args: {}, asked: { caller } }]);
  });

  it.each([false, true])("answers a signed call, TLS %s", async (tls) => {
    const rig = await ServerRig.open();
    const nonce = rig.nonces.issue();
    const body = rig.signed("log.level", { level: "debug", unknown: 1 }, { nonce });
    const { status, said } = await rig.call("log.level", {}, body, tls);
    expect(status).toBe(200);
    expect(said).toEqual({ nonce, status: "ok", result: { level: "debug" } });
    expect(rig.asked[0]?.args).toEqual({ level: "debug" });
  });

  it("shows its identity's certificate, and speaks TLS 1.3 alone", async () => {
    const rig = await ServerRig.open();
    const host = { host: "127.0.0.1", port: rig.port, rejectUnauthorized: false };
    const good = tlsConnect(host);
    await once(good, "secureConnect");
    expect(good.getProtocol()).toBe("TLSv1.3");
    const raw = good.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
    expect(new Uint8Array(raw?.subarray(-32) ?? [])).toEqual(rig.agent.publicKey.octets);
    good.destroy();
    const old = tlsConnect({ ...host, maxVersion: "TLSv1.2" });
    await expect(once(old, "secureConnect")).rejects.toThrow();
  });

  it.each([1, 2, 7])("takes a request in pieces of %i octets", async (size) => {
    const rig = await ServerRig.open();
    const slow = await client(rig);
    for (let at = 0; at < GET.length; at += size) {
      slow.send(GET.slice(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await soon(() => slow.statuses.length === 1, "an answer");
    expect(slow.statuses).toEqual([200]);
  });

  it("answers many requests on one connection", async () => {
    const rig = await ServerRig.open({
      handlers: {
        "capture.list": () =>
          Promise.resolve({ captures: Array(3_000).fill(SAMPLES["capture.stop"].results[0]) }),
      },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (let i = 0; i < 100; i++) {
      const sent = request({
        host: "127.0.0.1",
        port: rig.port,
        path: i % 2 ? "/v1/captures" : "/v1/identity",
        agent,
      });
      sent.end();
      const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
      let octets = 0;
      for await (const piece of response) octets += (piece as Buffer).length;
      expect(response.statusCode).toBe(200);
      expect(octets).toBeGreaterThan(i % 2 ? 100_000 : 50);
      expect(rig.server.size).toBe(1);
    }
    expect(rig.server.counters()).toEqual({});
  });

  it("answers HEAD as GET without the body", async () => {
    const rig = await ServerRig.open();
    const get = await rig.ask("/v1/status");
    const head = await rig.ask("/v1/status", { method: "HEAD" });
    expect(head.body).toHaveLength(0);
    expect(head.headers["content-length"]).toBe(get.headers["content-length"]);
  });

  it("refuses what no client of the protocol says", async () => {
    const rig = await ServerRig.open();
    for (const method of ["TRACE", "OPTIONS", "PUT"]) {
      expect((await rig.ask("/v1/status", { method })).status).toBe(405);
    }
    for (const text of [
      "CONNECT 192.0.2.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
      "GET /v1/status HTTP/1.1\r\n\r\n",
      "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n",
      "\0\0\0\0\r\n\r\n",
      `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      "POST /v1/call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ]) {
      const raw = await client(rig);
      raw.send(text);
      await soon(() => raw.closed || raw.statuses.length > 0, text);
      expect(raw.statuses.every((status) => status >= 400)).toBe(true);
    }
    expect(rig.asked).toEqual([]);
  });

  it("ends a connection that asks before it has its answer", async () => {
    const rig = await ServerRig.open();
    const raw = await client(rig);
    raw.send(GET.repeat(50));
    await soon(() => raw.closed, "closed");
    expect(rig.asked.length).toBeLessThanOrEqual(2);
    expect(rig.server.counters()).toMatchObject({ "control pipelined": 1 });
  });
});

describe("bodies", () => {
  it("are refused before they are read when they announce too much", async () => {
    const rig = await ServerRig.open();
    for (const [path, octets] of [
      ["/v1/claim", 64 * 1024 + 1],
      ["/v1/call", 64 * 1024 + 1],
      ["/v1/call", 2 ** 53],
    ] as const) {
      const raw = await client(rig);
      const type = path === "/v1/claim" ? "application/cbor" : COSE;
      raw.send(
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${octets}\r\n\r\n`,
      );
      await soon(() => raw.closed, "closed");
      expect(raw.statuses).toEqual([413]);
    }
  });

  it("are refused when they turn out too long", async () => {
    const rig = await ServerRig.open();
    const raw = await client(rig);
    raw.send(
      `POST /v1/claim HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cbor\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let i = 0; i < 20; i++) raw.send(`1000\r\n${"a".repeat(4_096)}\r\n`);
    await soon(() => raw.closed, "closed");
    expect(raw.statuses).toEqual([413]);
  });

  it("of four megabytes come over TLS", async () => {
    const rig = await ServerRig.open();
    const { said } = await rig.call("site.put", {
      bundle: new Uint8Array(4 * 1024 * 1024).fill(7),
    });
    expect(said).toMatchObject({ status: "ok" });
    const tooLong = await rig
      .call("site.put", {}, new Uint8Array(5 * 1024 * 1024 + 1))
      .catch(() => undefined);
    expect(tooLong?.status ?? 413).toBe(413);
  });

  it("that never end give way to one that does", async () => {
    const rig = await ServerRig.open();
    const head = `POST /v1/call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${COSE}\r\nContent-Length: 5000000\r\n\r\n`;
    const hanging: RawClient[] = [];
    for (let i = 0; i < 5; i++) {
      const raw = await client(rig, { tls: true });
      raw.send(head);
      raw.send(new Uint8Array(4_900_000));
      hanging.push(raw);
    }
    await soon(() => hanging.filter(({ closed }) => closed).length === 3, "three gave way");
    expect(hanging.slice(0, 3).flatMap(({ statuses }) => statuses)).toEqual([503, 503, 503]);
    const { said } = await rig.call("site.put", { bundle: new Uint8Array(4 * 1024 * 1024) });
    expect(said).toMatchObject({ status: "ok" });
    expect(rig.bugs).toEqual([]);
  });

  it("that are cut off are a counted nothing", async () => {
    const rig = await ServerRig.open();
    const raw = await client(rig);
    raw.send(
      `POST /v1/call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${COSE}\r\nContent-Length: 100\r\n\r\nabc`,
    );
    await soon(() => rig.server.size === 1, "accepted");
    raw.destroy();
    await soon(() => rig.server.size === 0, "gone");
    expect(rig.bugs).toEqual([]);
    expect((await rig.ask("/v1/status")).status).toBe(200);
  });

  it("are announced with Expect: 100-continue by curl and others", async () => {
    const rig = await ServerRig.open();
    const raw = await client(rig);
    const body = rig.signed("agent.restart", {});
    raw.send(
      `POST /v1/call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${COSE}\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await soon(() => raw.statuses.length === 1, "a continue");
    raw.send(body);
    await soon(() => raw.statuses.length === 2, "an answer");
    expect(raw.statuses).toEqual([100, 200]);
  });
});

describe("slow connections", () => {
  /** What each sends of a request, and by which reason it is ended. */
  it.each([
    ["nothing at all", "", 5_000, "slow header"],
    ["a header without end", "GET /v1/status HTTP/1.1\r\nHost: 127", 5_000, "slow header"],
    ["a TLS handshake without end", "\x16\x03\x01\x02\x00\x01", 5_000, "slow header"],
    [
      "a body without end",
      `POST /v1/call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${COSE}\r\nContent-Length: 100\r\n\r\na`,
      10_000,
      "slow request",
    ],
  ])("are ended: %s", async (_, text, ms, why) => {
    const clock = new FakeClock();
    const rig = await ServerRig.open({ clock });
    const raw = await client(rig);
    raw.send(Buffer.from(text, "latin1"));
    await soon(() => rig.server.size === 1, "accepted");
    // What was sent is with the server when another connection's answer is back.
    expect((await rig.ask("/v1/identity")).status).toBe(200);
    await soon(() => rig.server.size === 1, "only the slow one");
    clock.advance(ms);
    expect(rig.server.size).toBe(1);
    clock.advance(500);
    expect(rig.server.size).toBe(0);
    await soon(() => raw.closed, "closed");
    expect(rig.server.counters()).toEqual({ [`control ${why}`]: 1 });
    await soon(() => clock.pending === 0 || rig.server.size === 0, "no timer");
  });

  it("are ended when they ask nothing more", async () => {
    const clock = new FakeClock();
    const rig = await ServerRig.open({ clock });
    const raw = await client(rig);
    raw.send(GET);
    await soon(() => raw.statuses.length === 1, "an answer");
    await soon(() => rig.asked.length === 1, "asked");
    clock.advance(6_000);
    await soon(() => raw.closed, "closed");
  });

  it("do not hold more answers than there is room for", async () => {
    const file = "x".repeat(6 * 1024 * 1024);
    const captures = [{ ...SAMPLES["capture.stop"].results[0], filter: file }];
    const rig = await ServerRig.open({
      clock: new FakeClock(),
      handlers: { "capture.list": () => Promise.resolve({ captures }) },
    });
    for (let i = 0; i < 12; i++) {
      const raw = await client(rig);
      raw.socket.pause();
      raw.send(GET.replace("status", "captures"));
    }
    await soon(() => rig.asked.length === 12, "asked");
    await soon(() => rig.server.size <= 2, "the first gave way");
    expect((await rig.ask("/v1/captures")).body.length).toBeGreaterThan(file.length);
  });

  it.each([false, true])(
    "are ended when they take nothing of their answer, TLS %s",
    async (tls) => {
      const clock = new FakeClock();
      const file = Buffer.alloc(16 * 1024 * 1024, 7);
      const captures = [{ ...SAMPLES["capture.stop"].results[0], filter: file.toString("latin1") }];
      const rig = await ServerRig.open({
        clock,
        handlers: { "capture.list": () => Promise.resolve({ captures }) },
      });
      const raw = await client(rig, { tls });
      raw.socket.pause();
      raw.send(GET.replace("status", "captures"));
      await soon(() => rig.asked.length > 0, "asked");
      // It goes on to be ended when it is looked at: at first it takes what its kernel has room for.
      await soon(() => {
        clock.advance(5_000);
        return rig.server.size === 0;
      }, "ended");
      expect(rig.server.counters()).toEqual({ "control stalled answer": 1 });
    },
  );

  it("of one address displace each other, and nobody else", async () => {
    const rig = await ServerRig.open({ clock: new FakeClock() });
    const other = await client(rig, { localAddress: "127.0.0.9" });
    const slow: RawClient[] = [];
    for (let i = 0; i < 40; i++) slow.push(await client(rig, { localAddress: "127.0.0.2" }));
    await soon(() => slow.filter(({ closed }) => closed).length === 24, "displaced");
    expect(rig.server.size).toBe(17);
    expect(other.closed).toBe(false);
    expect(slow.slice(0, 24).every(({ closed }) => closed)).toBe(true);
    const again = await client(rig, { localAddress: "127.0.0.2" });
    again.send(GET);
    await soon(() => again.statuses.length === 1, "an answer");
  });

  it("cannot keep an operator out, a thousand of them", { timeout: 120_000 }, async () => {
    const rig = await ServerRig.open();
    const flood: RawClient[] = [];
    let over = false;
    const stop = (): void => {
      over = true;
      for (const raw of flood) raw.destroy();
    };
    onTestFinished(stop);
    const partial = ["", "GET /v1/status HTTP/1.1\r\nHost: 127", "\x16\x03\x01\x02\x00\x01"];
    // From 125 addresses, eight each; who is thrown out comes again.
    const attack = async (i: number): Promise<void> => {
      while (!over) {
        const raw = await RawClient.open(rig.port, { localAddress: `127.0.1.${1 + (i % 125)}` });
        flood.push(raw);
        if (over) raw.destroy();
        raw.send(Buffer.from(partial[i % partial.length] ?? "", "latin1"));
        await raw.gone;
      }
    };
    const attackers = Array.from({ length: 1_000 }, (_, i) => attack(i));
    await until("the flood", () => flood.length > 1_200, 60_000);
    for (let i = 0; i < 10; i++) {
      expect((await rig.call("agent.restart", {})).said).toMatchObject({ status: "ok" });
      expect(rig.server.size).toBeLessThanOrEqual(CONNECTION_LIMITS.all);
    }
    stop();
    await Promise.all(attackers);
  });
});

describe("streams", () => {
  it("are pulled as fast as the asker takes them, and end when it is gone", async () => {
    let made = 0;
    let ended = false;
    const rig = await ServerRig.open({
      handlers: {
        "events.follow": async function* (_args, { signal }) {
          try {
            while (!signal.aborted) {
              made += 1;
              yield { type: "alive", time: "x".repeat(10_000) };
            }
          } finally {
            ended = true;
          }
        },
      },
    });
    const raw = await client(rig);
    raw.socket.pause();
    raw.send(GET.replace("status", "events"));
    let before = -1;
    await soon(() => made > 0, "the first");
    // Sockets take some megabytes; then nothing more is made.
    for (let same = 0; same < 50; same = made === before ? same + 1 : 0) {
      before = made;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(made).toBeLessThan(3_000);
    raw.destroy();
    await soon(() => ended, "the end");
    expect(rig.bugs).toEqual([]);
  });

  it("end while they wait for something, when the asker or the server goes", async () => {
    const aborted: string[] = [];
    const rig = await ServerRig.open({
      handlers: {
        "events.follow": async function* ({ machine = "" }, { signal }) {
          yield { type: "alive", time: "now" };
          await once(signal, "abort");
          aborted.push(machine);
        },
      },
    });
    const first = await client(rig, { tls: true });
    first.send(GET.replace("status", "events?machine=first"));
    await soon(() => first.text.includes("alive"), "an item");
    first.destroy();
    await soon(() => aborted.includes("first"), "its end");
    const second = await client(rig);
    second.send(GET.replace("status", "events?machine=second"));
    await soon(() => second.text.includes("alive"), "an item");
    await rig.server.close();
    await soon(() => aborted.includes("second"), "its end");
    await soon(() => second.closed, "closed");
  });
});

describe("addresses", () => {
  it("come and go while it runs", async () => {
    const rig = await ServerRig.open();
    const { server } = rig;
    const first = await client(rig);
    first.send(GET);
    await soon(() => first.statuses.length === 1, "an answer");
    expect(await server.listenOn(["127.0.0.1", "127.0.0.2", "::1"])).toEqual(new Map());
    expect(server.addresses().map(({ address }) => address)).toEqual([
      "127.0.0.1",
      "127.0.0.2",
      "::1",
    ]);
    expect(first.closed).toBe(false);
    await server.listenOn(["::1"]);
    await soon(() => first.closed, "closed");
    const [{ port } = { port: 0 }] = server.addresses();
    const sent = request({ host: "::1", port, path: "/v1/status" });
    sent.end();
    const [response] = await once(sent, "response");
    expect(response.statusCode).toBe(200);
    response.resume();
    await server.listenOn([]);
    expect(server.addresses()).toEqual([]);
  });

  it("that the host does not have are named, and the others are served", async () => {
    const rig = await ServerRig.open();
    const failed = await rig.server.listenOn(["192.0.2.1", "127.0.0.1"]);
    expect([...failed.keys()]).toEqual(["192.0.2.1"]);
    expect(failed.get("192.0.2.1")).toMatchObject({ code: "E_INTERFACE" });
    expect((await rig.ask("/v1/status")).status).toBe(200);
  });

  it("whose port another program has are named", async () => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const rig = new ServerRig({ port });
    const failed = await rig.server.listenOn(["127.0.0.1"]);
    expect(failed.get("127.0.0.1")).toMatchObject({ code: "E_PORT_IN_USE" });
    await rig.server.close();
  });
});
