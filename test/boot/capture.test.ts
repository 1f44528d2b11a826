import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CaptureReader } from "../../agent/capture/capture-reader.ts";
import type { CaptureStatus } from "../../agent/control/messages.ts";
import { EthernetView } from "../../protocols/ethernet/frame.ts";
import { macText } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { MagicPacketView } from "../../protocols/wol/magic-packet.ts";
import { NET } from "../support/boot-site.ts";
import { LiveTap } from "../support/live-tap.ts";
import type { Namespace } from "../support/netns.ts";
import { type ChildRack, openChildRack, type RackChild } from "../support/rack-child.ts";
import { decodeCapture } from "../support/tshark.ts";
import { until } from "../support/until.ts";

// Captures of a real interface through libpcap, and magic packets on a real wire.

/** Sends datagrams to the subnet's broadcast address: argv is port, count, octets. */
const SENDER = `
const [, port, count, octets] = process.argv;
const socket = require("node:dgram").createSocket("udp4");
socket.bind(0, () => {
  socket.setBroadcast(true);
  let left = Number(count);
  const next = () => left-- > 0 ? socket.send(Buffer.alloc(Number(octets), 0x5a), Number(port), "${NET.broadcast}", next) : socket.close();
  next();
});
`;

let rack: ChildRack;
let outside: Namespace;
let child: RackChild;
let stateDir: string;

beforeEach(async () => {
  rack = await openChildRack();
  rack.outside.run("ip", "addr", "add", `${NET.v100.ip}/24`, "brd", "+", "dev", "rack");
  ({ outside, child, stateDir } = rack);
});

afterEach(() => rack.close());

function send(port: number, count: number, octets: number): void {
  outside.run(process.execPath, "-e", SENDER, String(port), String(count), String(octets));
}

/** Asks for a capture's status until it is so. */
async function status(id: string, isSo: (status: CaptureStatus) => boolean): Promise<void> {
  let last: CaptureStatus | undefined;
  let asked: Promise<void> | undefined;
  await until(
    () => `another status than ${JSON.stringify(last)}`,
    () => {
      asked ??= child.list().then((all) => {
        last = all.find((c) => c.id === id);
        asked = undefined;
      });
      return last !== undefined && isSo(last);
    },
  );
  await asked;
}

describe("a capture", () => {
  it("has the frames that its filter lets through, and decodes", async () => {
    const { id } = await child.start("udp port 69");
    send(4_000, 3, 100);
    send(69, 5, 100);
    await status(id, (s) => s.packets >= 5);
    expect(await child.stop(id)).toMatchObject({
      running: false,
      packets: 5,
      interface: NET.rack,
      full: false,
    });
    const messages = await decodeCapture(path.join(stateDir, "captures", `${id}.pcap`));
    expect(messages.map((m) => m.protocol)).toEqual(Array(5).fill("tftp"));
    const ageMs = Date.now() - Date.parse(messages[0]?.time ?? "");
    expect(Math.abs(ageMs)).toBeLessThan(60_000);
  });

  it("ends at its size with a file that is whole", async () => {
    const { id } = await child.start("udp", 65_536);
    send(69, 300, 1_000);
    await status(id, (s) => !s.running);
    expect(await child.stop(id)).toMatchObject({ full: true });
    const reader = new CaptureReader();
    reader.feed(readFileSync(path.join(stateDir, "captures", `${id}.pcap`)));
    reader.end();
    let frames = 0;
    while (reader.next()) frames += 1;
    expect(frames).toBe(Math.floor((65_536 - 24) / (1_042 + 16)));
  });

  it("is refused for a wrong filter, in libpcap's words, and nothing stays open", async () => {
    const files = (): number => readdirSync(`/proc/${child.pid}/fd`).length;
    const before = files();
    for (const filter of ["udp prot 69", "host 1.2.3.4.5", 'port "x'])
      await expect(child.start(filter)).rejects.toMatchObject({ name: "E_USAGE" });
    await expect(child.start("udp prot 69")).rejects.toThrow(/udp prot 69.*syntax error/);
    await expect(child.start("x".repeat(3_000))).rejects.toMatchObject({ name: "E_USAGE" });
    await until("as many open files as before", () => files() === before);
    const { id } = await child.start("");
    await child.stop(id);
    // A lane that was closed is gone with the next frame.
    send(69, 1, 100);
    await until("as many open files as before", () => files() === before);
    expect(await child.list()).toHaveLength(1);
  });
});

describe("waking", () => {
  it("puts magic packets on the wire, three times both forms, from the rack's address", async () => {
    const tap = await LiveTap.open(outside, "lane", "rack");
    const { id } = await child.start("ether proto 0x0842 or udp port 9");
    await child.wake(NET.v100.mac);
    await status(id, (s) => s.packets >= 6);
    expect((await child.stop(id)).packets).toBe(6);
    const woken = (): string[] =>
      tap.frames.flatMap((frame) => {
        const o = new Octets(Uint8Array.from(frame));
        const [eth, magic] = [new EthernetView(), new MagicPacketView()];
        if (eth.reset(o, 0, o.u8.length) || magic.reset(o, eth.payloadAt, eth.payloadLen))
          return [];
        expect(eth.dstIsBroadcast).toBe(true);
        return [`${eth.etherType.toString(16)} ${macText(o, magic.macAt)}`];
      });
    await until("six frames", () => woken().length === 6);
    const both = [`842 ${NET.v100.mac}`, `800 ${NET.v100.mac}`];
    expect(woken()).toEqual([...both, ...both, ...both]);
    await tap.close();
  });
});
