import { describe, expect, it } from "vitest";
import { TcpConnection } from "../../../../protocols/tcp/connection.ts";
import { emitTcp, TcpFlag, TcpView, verifyTcpChecksum } from "../../../../protocols/tcp/segment.ts";
import type { TcpConfig } from "../../../../protocols/tcp/state.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { FaultyLink, type LinkFaults, PERFECT } from "../../../support/faulty-link.ts";
import { dirty } from "../../../support/hex.ts";
import { randomOctets } from "../../../support/prng.ts";

const NEVER = Number.POSITIVE_INFINITY;
const client: TcpConfig = {
  localAddress: 0xc0a84d15 | 0,
  localPort: 1197,
  remoteAddress: 0xc0a84d01 | 0,
  remotePort: 80,
  iss: 0x7fff_fff0,
  mss: 1460,
  window: 8192,
  sendQueue: 4096,
};
const server: TcpConfig = {
  localAddress: client.remoteAddress,
  localPort: 80,
  remoteAddress: client.localAddress,
  remotePort: 1197,
  iss: -3,
  mss: 536,
  window: 65_535,
  sendQueue: 16_384,
};

/** One end: a connection, what it wants to say, what it heard. */
class End {
  readonly tcp: TcpConnection;
  readonly heard: number[] = [];
  private readonly config: TcpConfig;
  private unsaid: Uint8Array;
  private readonly view = new TcpView();

  constructor(config: TcpConfig, say: Uint8Array) {
    this.config = config;
    this.tcp = new TcpConnection(config);
    this.unsaid = say;
  }

  /** Says what it can, and closes when all is said and the client is heard out (`waits`) or not. */
  talk(waits: boolean): void {
    this.unsaid = this.unsaid.subarray(this.tcp.send(this.unsaid));
    if (this.unsaid.length === 0 && (!waits || this.tcp.remoteClosed)) this.tcp.close();
  }

  transmit(link: FaultyLink<Octets>, nowMs: number): void {
    const out = dirty(1600);
    for (;;) {
      const len = this.tcp.pollTransmit(out, 5, nowMs);
      if (len === 0) return;
      link.send(new Octets(out.u8.slice(5, 5 + len)), nowMs);
    }
  }

  receive(link: FaultyLink<Octets>, nowMs: number): void {
    const { localAddress, remoteAddress } = this.config;
    for (let o = link.take(nowMs); o; o = link.take(nowMs)) {
      const len = o.u8.length;
      expect(this.view.reset(o, 0, len)).toBe(Status.Ok);
      expect(verifyTcpChecksum(o, 0, len, remoteAddress, localAddress)).toBe(true);
      const n = this.tcp.handleSegment(this.view, nowMs);
      expect(n).toBe(this.tcp.receivedLen);
      this.heard.push(...o.u8.subarray(this.tcp.receivedAt, this.tcp.receivedAt + n));
    }
  }
}

/** vitest compares long arrays slowly. */
function same(heard: readonly number[], said: Uint8Array): boolean {
  return heard.length === said.length && heard.every((b, i) => b === said[i]);
}

/** A request and an answer; the server closes first when `serverCloses`, as HTTP/1.0 does. */
function converse(
  question: Uint8Array,
  answer: Uint8Array,
  faults: LinkFaults,
  seed: number,
  serverCloses: boolean,
): { c: End; s: End; sent: number } {
  const c = new End(client, question);
  const s = new End(server, answer);
  const up = new FaultyLink<Octets>(faults, seed);
  const down = new FaultyLink<Octets>(faults, seed + 1);
  let nowMs = 0;
  c.tcp.connect();
  for (;;) {
    c.talk(serverCloses);
    s.talk(!serverCloses);
    c.transmit(up, nowMs);
    s.transmit(down, nowMs);
    nowMs = Math.min(up.nextMs(), down.nextMs(), c.tcp.pollTimeout(), s.tcp.pollTimeout());
    if (nowMs === NEVER) return { c, s, sent: up.sent + down.sent };
    s.receive(up, nowMs);
    c.receive(down, nowMs);
    c.tcp.handleTimeout(nowMs);
    s.tcp.handleTimeout(nowMs);
  }
}

describe("TcpConnection: pair", () => {
  it.each([true, false])("carries both directions and closes (server first: %s)", (first) => {
    const question = randomOctets(1, 5_000);
    const answer = randomOctets(2, 100_000);
    const { c, s, sent } = converse(question, answer, PERFECT, 1, first);
    expect(same(s.heard, question)).toBe(true);
    expect(same(c.heard, answer)).toBe(true);
    expect([c.tcp.state, s.tcp.state, c.tcp.failure, s.tcp.failure]).toEqual([
      "closed",
      "closed",
      "",
      "",
    ]);
    expect([c.tcp.remoteClosed, s.tcp.remoteClosed]).toEqual([true, true]);
    // 100,000 octets are 187 segments of the smaller MSS; an ACK each at most.
    expect(sent).toBeLessThan(450);
  });

  it("carries them over a bad wire, whatever the seed", () => {
    const faults = { loss: 0.1, duplication: 0.1, jitterMs: 3 };
    const question = randomOctets(1, 3_000);
    const answer = randomOctets(2, 20_000);
    for (let seed = 1; seed <= 40; seed++) {
      const { c, s } = converse(question, answer, faults, seed, seed % 2 === 0);
      expect(same(s.heard, question)).toBe(true);
      expect(same(c.heard, answer)).toBe(true);
    }
  }, 30_000);
});

/** A connection whose peer is written by hand. */
class Lone {
  readonly tcp: TcpConnection;
  private readonly view = new TcpView();
  private readonly out = dirty(1600);

  constructor(more: Partial<TcpConfig> = {}) {
    this.tcp = new TcpConnection({ ...client, iss: 1000, ...more });
  }

  /** The next segment: flags, seq, ack, payload octets; undefined when there is none. */
  sends(nowMs = 0): [number, number, number, number] | undefined {
    const len = this.tcp.pollTransmit(this.out, 0, nowMs);
    if (len === 0) return undefined;
    this.view.reset(this.out, 0, len);
    return [this.view.flags, this.view.seq, this.view.ack, this.view.payloadLen];
  }

  gets(flags: number, seq: number, ack: number, payloadLen = 0, window = 1000, nowMs = 0): number {
    const o = dirty(24 + payloadLen);
    const mss = flags & TcpFlag.Syn ? 100 : 0;
    const r = { srcPort: 80, dstPort: 1197, seq, ack, flags, window, mss };
    const len = emitTcp(r, payloadLen, 0, 0, o, 0) + payloadLen;
    this.view.reset(o, 0, len);
    return this.tcp.handleSegment(this.view, nowMs);
  }

  /** Through the handshake: ours 1001, theirs 501. */
  open(): this {
    this.tcp.connect();
    expect(this.sends()).toEqual([TcpFlag.Syn, 1000, 0, 0]);
    this.gets(TcpFlag.Syn | TcpFlag.Ack, 500, 1001);
    expect(this.sends()).toEqual([TcpFlag.Ack, 1001, 501, 0]);
    expect(this.sends()).toBeUndefined();
    expect(this.tcp.pollTimeout()).toBe(NEVER);
    return this;
  }
}

const PSH_ACK = TcpFlag.Psh | TcpFlag.Ack;

describe("TcpConnection: alone", () => {
  it("repeats its SYN with back-off and gives up", () => {
    const l = new Lone();
    l.tcp.connect();
    const at: number[] = [];
    let nowMs = 0;
    while (l.tcp.state !== "closed") {
      if (l.sends(nowMs)) at.push(nowMs);
      nowMs = l.tcp.pollTimeout();
      l.tcp.handleTimeout(nowMs);
    }
    expect(at.slice(0, 6)).toEqual([0, 1000, 3000, 7000, 15_000, 23_000]);
    expect([at.length, l.tcp.failure]).toEqual([9, "timeout"]);
  });

  it("is refused by a reset that acknowledges its SYN, not by another", () => {
    const l = new Lone();
    l.tcp.connect();
    l.sends();
    l.gets(TcpFlag.Rst | TcpFlag.Ack, 0, 999);
    expect(l.tcp.state).toBe("syn-sent");
    l.gets(TcpFlag.Rst | TcpFlag.Ack, 0, 1001);
    expect([l.tcp.state, l.tcp.failure]).toEqual(["closed", "refused"]);
  });

  it("takes a reset only at the sequence number it expects", () => {
    const l = new Lone().open();
    l.gets(TcpFlag.Rst, 502, 0);
    expect(l.tcp.state).toBe("established");
    l.gets(TcpFlag.Rst, 501, 0);
    expect([l.tcp.state, l.tcp.failure, l.sends()]).toEqual(["closed", "reset", undefined]);
  });

  it("hands out payload in order only, and trims what it has", () => {
    const l = new Lone().open();
    expect(l.gets(PSH_ACK, 511, 1001, 10)).toBe(0);
    expect(l.sends()).toEqual([TcpFlag.Ack, 1001, 501, 0]);
    expect(l.gets(PSH_ACK, 501, 1001, 10)).toBe(10);
    expect(l.tcp.receivedAt).toBe(20);
    expect(l.sends()).toEqual([TcpFlag.Ack, 1001, 511, 0]);
    expect(l.gets(PSH_ACK, 506, 1001, 15)).toBe(10);
    expect(l.tcp.receivedAt).toBe(25);
    expect(l.gets(PSH_ACK, 501, 1001, 20)).toBe(0);
    expect(l.sends()).toEqual([TcpFlag.Ack, 1001, 521, 0]);
  });

  it("keeps to the peer's MSS and window, and its own queue", () => {
    const l = new Lone({ sendQueue: 300 }).open();
    expect(l.tcp.send(new Uint8Array(500))).toBe(300);
    expect(l.tcp.sendRoom).toBe(0);
    l.gets(TcpFlag.Ack, 501, 1001, 0, 250);
    expect([l.sends()?.[3], l.sends()?.[3], l.sends()?.[3], l.sends()]).toEqual([
      100,
      100,
      50,
      undefined,
    ]);
    l.gets(TcpFlag.Ack, 501, 1201, 0, 250);
    expect(l.tcp.sendRoom).toBe(200);
    expect(l.sends()).toEqual([PSH_ACK, 1251, 501, 50]);
  });

  it("sends again from what is not acknowledged", () => {
    const l = new Lone().open();
    l.tcp.send(new Uint8Array(250));
    for (let i = 0; i < 3; i++) l.sends(0);
    l.gets(TcpFlag.Ack, 501, 1101, 0, 1000, 400);
    expect(l.tcp.pollTimeout()).toBe(1400);
    l.tcp.handleTimeout(1399);
    expect(l.sends(1399)).toBeUndefined();
    l.tcp.handleTimeout(1400);
    expect([l.sends(1400), l.sends(1400)]).toEqual([
      [PSH_ACK, 1101, 501, 100],
      [PSH_ACK, 1201, 501, 50],
    ]);
    expect(l.tcp.pollTimeout()).toBe(3400);
  });

  it("probes a closed window for ever, and goes on when it opens", () => {
    const l = new Lone().open();
    l.gets(TcpFlag.Ack, 501, 1001, 0, 0);
    l.tcp.send(new Uint8Array(30));
    expect(l.sends()).toBeUndefined();
    for (let i = 0; i < 20; i++) {
      const nowMs = l.tcp.pollTimeout();
      l.tcp.handleTimeout(nowMs);
      expect(l.sends(nowMs)).toEqual([PSH_ACK, 1001, 501, 1]);
      expect(l.sends(nowMs)).toBeUndefined();
      l.gets(TcpFlag.Ack, 501, 1001, 0, 0, nowMs);
    }
    l.gets(TcpFlag.Ack, 501, 1001, 0, 1000);
    expect(l.sends()).toEqual([PSH_ACK, 1001, 501, 30]);
  });

  it("answers what it cannot have sent, and a keep-alive, with an ACK", () => {
    const l = new Lone().open();
    expect(l.gets(PSH_ACK, 501, 1002, 5)).toBe(0);
    expect(l.sends()).toEqual([TcpFlag.Ack, 1001, 501, 0]);
    l.gets(TcpFlag.Ack, 500, 1001);
    expect(l.sends()).toEqual([TcpFlag.Ack, 1001, 501, 0]);
    l.gets(TcpFlag.Ack, 501, 1001);
    l.gets(TcpFlag.Ack, 600, 1001);
    expect(l.sends()).toBeUndefined();
  });

  it("sends FIN behind its queue and waits out the peer's", () => {
    const l = new Lone().open();
    l.tcp.send(new Uint8Array(10));
    l.tcp.close();
    expect(l.tcp.send(new Uint8Array(1))).toBe(0);
    expect([l.sends(), l.sends(), l.sends()]).toEqual([
      [PSH_ACK, 1001, 501, 10],
      [TcpFlag.Fin | TcpFlag.Ack, 1011, 501, 0],
      undefined,
    ]);
    l.gets(TcpFlag.Ack, 501, 1012);
    expect(l.tcp.state).toBe("fin-wait-2");
    expect(l.gets(PSH_ACK | TcpFlag.Fin, 501, 1012, 7, 1000, 50)).toBe(7);
    expect([l.tcp.state, l.sends()]).toEqual(["time-wait", [TcpFlag.Ack, 1012, 509, 0]]);
    l.gets(PSH_ACK | TcpFlag.Fin, 501, 1012, 7, 1000, 60);
    expect(l.sends()).toEqual([TcpFlag.Ack, 1012, 509, 0]);
    l.tcp.handleTimeout(l.tcp.pollTimeout());
    expect([l.tcp.state, l.tcp.failure, l.tcp.pollTimeout()]).toEqual(["closed", "", NEVER]);
  });

  it("closes at the same time as its peer", () => {
    const l = new Lone().open();
    l.tcp.close();
    l.sends();
    l.gets(TcpFlag.Fin | TcpFlag.Ack, 501, 1001);
    expect([l.tcp.state, l.sends()]).toEqual(["closing", [TcpFlag.Ack, 1002, 502, 0]]);
    l.gets(TcpFlag.Ack, 502, 1002);
    expect(l.tcp.state).toBe("time-wait");
  });

  it("answers a repeated SYN with its SYN-ACK, and a late SYN-ACK with an ACK", () => {
    const s = new Lone();
    s.gets(TcpFlag.Syn, 500, 0);
    const synAck = [TcpFlag.Syn | TcpFlag.Ack, 1000, 501, 0];
    expect([s.tcp.state, s.sends(), s.sends()]).toEqual(["syn-received", synAck, undefined]);
    s.gets(TcpFlag.Syn, 500, 0);
    expect([s.sends(), s.sends()]).toEqual([synAck, undefined]);
    expect(s.gets(PSH_ACK, 501, 1001, 5)).toBe(5);
    expect([s.tcp.state, s.sends()]).toEqual(["established", [TcpFlag.Ack, 1001, 506, 0]]);
    const c = new Lone().open();
    c.gets(TcpFlag.Syn | TcpFlag.Ack, 500, 1001);
    expect([c.sends(), c.tcp.state]).toEqual([[TcpFlag.Ack, 1001, 501, 0], "established"]);
  });

  it("says what was queued before the handshake, and then closes", () => {
    const l = new Lone();
    l.tcp.connect();
    l.tcp.send(new Uint8Array(10));
    l.tcp.close();
    l.sends();
    l.gets(TcpFlag.Syn | TcpFlag.Ack, 500, 1001);
    expect([l.sends(), l.sends(), l.tcp.state]).toEqual([
      [PSH_ACK, 1001, 501, 10],
      [TcpFlag.Fin | TcpFlag.Ack, 1011, 501, 0],
      "fin-wait-1",
    ]);
    const idle = new Lone();
    idle.tcp.connect();
    idle.tcp.close();
    expect([idle.tcp.state, idle.sends()]).toEqual(["closed", undefined]);
  });

  it("aborts by a reset", () => {
    const l = new Lone().open();
    l.tcp.abort();
    expect(l.sends()).toEqual([TcpFlag.Rst | TcpFlag.Ack, 1001, 501, 0]);
    expect([l.sends(), l.tcp.failure]).toEqual([undefined, "aborted"]);
  });
});
