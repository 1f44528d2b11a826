import { describe, expect, it } from "vitest";
import { TcpFlag } from "../../protocols/tcp/segment.ts";
import { fragments, frame, tcpPacket, udpPacket } from "../support/packets.ts";
import { PcapWriter } from "../support/pcap-writer.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type Comparison, compareWithTshark, hasTshark } from "../support/tshark.ts";
import {
  bootparamsExchanges,
  counted,
  type Exchange,
  mountExchanges,
  nfsExchanges,
  portmapExchanges,
  rpcbindExchanges,
  xdr,
} from "./every-procedure.ts";

// No client asks for every procedure, and no server gives every answer. These are put together by hand, and then read by
// tshark and by us. (That tshark is there is checked beside the captures.)

const CLIENT = "192.168.7.2:1023";
const SERVER = "192.168.7.1";
const NFS = 2_049;
const TIMEOUT_MS = 60_000;
const LAST = 0x8000_0000;

describe.runIf(hasTshark())("tshark sees the same", { timeout: TIMEOUT_MS }, () => {
  it.each([
    ["NFS", NFS, nfsExchanges()],
    ["MOUNT 1", 635, mountExchanges(1)],
    ["MOUNT 2", 635, mountExchanges(2)],
    ["port mapper", 111, portmapExchanges()],
    ["rpcbind", 111, rpcbindExchanges()],
    ["BOOTPARAMS", 636, bootparamsExchanges()],
  ])("in every procedure of %s", async (_, port, exchanges) => {
    const server = `${SERVER}:${port}`;
    const packets = exchanges.flatMap(({ call, reply }) => [
      udpPacket(CLIENT, server, call),
      udpPacket(server, CLIENT, reply),
    ]);
    expectSame(await compare(packets), exchanges);
  });

  it("over TCP, a record in a segment", async () => {
    const exchanges = nfsExchanges();
    const talk = new TcpTalk();
    for (const { call, reply } of exchanges) talk.call(record(call)).reply(record(reply));
    expectSame(await compare(talk.packets), exchanges);
  });

  it("over TCP, records in fragments and segments of any length", async () => {
    const exchanges = nfsExchanges();
    const talk = new TcpTalk();
    for (const { call, reply } of exchanges) {
      const [head, rest] = [reply.slice(0, 8), reply.slice(8)];
      const inTwo = Buffer.concat([xdr(head.length, head), record(rest)]);
      talk.call(record(call).slice(0, 30)).call(record(call).slice(30));
      talk.reply(inTwo.slice(0, 10)).reply(inTwo.slice(10));
    }
    expectSame(await compare(talk.packets), exchanges);
  });

  it("over TCP, many records in a segment", async () => {
    const exchanges = nfsExchanges();
    const talk = new TcpTalk();
    const calls = Buffer.concat(exchanges.map((e) => record(e.call)));
    const replies = Buffer.concat(exchanges.map((e) => record(e.reply)));
    for (let at = 0; at < calls.length; at += 500) talk.call(calls.subarray(at, at + 500));
    for (let at = 0; at < replies.length; at += 333) talk.reply(replies.subarray(at, at + 333));
    expectSame(await compare(talk.packets), exchanges);
  });

  it("in IP fragments, in any order and repeated", async () => {
    const data = counted(new Uint8Array(4_000).fill(0x42));
    const handle = new Uint8Array(32).fill(0x22);
    const call = xdr(9_001, 0, 2, 100_003, 2, 8, 0, 0, 0, 0, handle, 1, 2, 3, data);
    const [a, b, c] = fragments(udpPacket(CLIENT, `${SERVER}:${NFS}`, call), 1_480);
    if (!a || !b || !c) throw new Error("three fragments");
    const reply = udpPacket(`${SERVER}:${NFS}`, CLIENT, xdr(9_001, 1, 0, 0, 0, 0, 30));
    expectSame(await compare([a, c, b, reply]), [{ call, reply }]);
  });
});

async function compare(packets: readonly Uint8Array[]): Promise<Comparison> {
  const writer = new PcapWriter();
  for (const [i, packet] of packets.entries()) writer.add(frame(packet), 1_767_323_045_000 + i);
  const file = `${tempDir()}/made.pcap`;
  writer.save(file);
  return compareWithTshark(file);
}

function expectSame(comparison: Comparison, exchanges: readonly Exchange[]): void {
  expect(comparison.differences).toEqual([]);
  expect(comparison.onlyOurs).toEqual([]);
  expect(comparison.messages).toBe(2 * exchanges.length);
}

/** A message as one record, RFC 5531 section 11. */
function record(message: Uint8Array): Uint8Array {
  return xdr(LAST | message.length, message);
}

/** One connection, from its handshake on. */
class TcpTalk {
  readonly packets: Uint8Array[] = [];
  private readonly server = `${SERVER}:${NFS}`;
  private seq = 1_000;
  private ack = 5_000;

  constructor() {
    const { Syn, Ack } = TcpFlag;
    const { server, packets } = this;
    packets.push(tcpPacket(CLIENT, server, { seq: 999, flags: Syn }));
    packets.push(tcpPacket(server, CLIENT, { seq: 4_999, flags: Syn | Ack, ack: 1_000 }));
    packets.push(tcpPacket(CLIENT, server, { seq: 1_000, flags: Ack, ack: 5_000 }));
  }

  call(octets: Uint8Array): this {
    const { seq, ack, server } = this;
    const flags = TcpFlag.Ack | TcpFlag.Psh;
    this.packets.push(tcpPacket(CLIENT, server, { seq, ack, flags }, octets));
    this.seq += octets.length;
    return this;
  }

  reply(octets: Uint8Array): this {
    const { seq, ack, server } = this;
    const flags = TcpFlag.Ack | TcpFlag.Psh;
    this.packets.push(tcpPacket(server, CLIENT, { seq: ack, ack: seq, flags }, octets));
    this.ack += octets.length;
    return this;
  }
}
