import { describe, expect, it } from "vitest";
import { TftpMode, TftpOpcode, TftpView } from "../../../../../protocols/tftp/packet.ts";
import { eventually } from "../../../../support/eventually.ts";
import { prng } from "../../../../support/prng.ts";
import { CHUNK_LEN, ip, RACK_FILES } from "../../../../support/test-site.ts";
import { ASKER, ASKER_PORT, ack, error, rrq, tftpTalk } from "../../../../support/tftp-talk.ts";

const BEHIND_A_ROUTER = ip("10.77.0.9");

/** Several chunks, half of it line ends. */
function text(): Uint8Array {
  const random = prng(11);
  const len = 3 * CHUNK_LEN + 5;
  return Uint8Array.from({ length: len }, () => [10, 13, 65, 66][Math.floor(random() * 4)] ?? 0);
}

const netascii = (octets: Uint8Array): number[] =>
  [...octets].flatMap((c) => (c === 10 ? [13, 10] : c === 13 ? [13, 0] : [c]));

describe("TFTP in mode netascii", () => {
  it.each<[string, number, Record<string, string>]>([
    ["by blocks of 512", 512, {}],
    ["by windows, each of which is lost once", 100, { blksize: "100", windowsize: "4" }],
  ])("converts line ends on the fly, %s", async (_, blksize, options) => {
    const files = { ...RACK_FILES, netbsd: text() };
    const { ports, ask, clock, last } = await tftpTalk(undefined, files);
    ask(rrq("netbsd", options, TftpMode.Netascii));
    const got = new Map<number, number[]>();
    const view = new TftpView();
    let loses = true;
    for (let ended = false; !ended; ) {
      await eventually(() => (ports.transfers[0]?.sent.length ?? 0) > 0, "packets");
      const sent = ports.transfers[0]?.take() ?? [];
      if (blksize === 100 && loses && sent.length > 1) {
        loses = false;
        clock.advance(10_000);
        continue;
      }
      loses = true;
      for (const { octets } of sent) {
        view.reset(octets, 0, octets.u8.length);
        if (view.opcode !== TftpOpcode.Data || view.block > got.size + 1) continue;
        const data = [...octets.u8.subarray(view.dataAt, view.dataAt + view.dataLen)];
        expect(got.get(view.block) ?? data).toEqual(data);
        got.set(view.block, data);
        ended ||= view.dataLen < blksize;
      }
      ports.transfers[0]?.deliver(ack(got.size), ASKER, ASKER_PORT);
    }
    expect([...got.values()].flat()).toEqual(netascii(text()));
    expect(last()).toMatchObject({ outcome: "done", octets: netascii(text()).length });
    expect(ports.transfers[0]).toMatchObject({ closed: true, slabsOut: 0 });
  });

  it("answers no tsize, which is not known before the end", async () => {
    const { ports, ask, answer } = await tftpTalk();
    ask(rrq("netbsd", { tsize: "0", blksize: "60000" }, TftpMode.Netascii));
    expect(await answer(() => ports.transfers[0])).toEqual(["oack blksize=1468"]);
  });
});

describe("TFTP options", () => {
  it.each([
    ["Ethernet", undefined, "1468"],
    ["Ethernet", 1_500, "1468"],
    ["jumbo frames", 9_000, "8968"],
    ["a tunnel", 1_280, "1248"],
    ["the loopback", 65_536, "65464"],
  ])("blksize is what %s (MTU %s) carries whole", async (_, mtu, blksize) => {
    const { ports, ask, answer } = await tftpTalk(undefined, undefined, { mtu });
    ask(rrq("netbsd", { blksize: "65464" }));
    expect(await answer(() => ports.transfers[0])).toEqual([`oack blksize=${blksize}`]);
  });

  it("blksize is Ethernet's at most where there is a router between", async () => {
    const edit = (site: string): string =>
      site
        .replace("relays:", "subnets: { far: { prefix: 10.77.0.0/24 } }\n  relays:")
        .replace("172.24.42.60", "10.77.0.9");
    const { ports, ask, answer } = await tftpTalk(edit, undefined, { mtu: 9_000 });
    ask(rrq("netbsd", { blksize: "65464" }), BEHIND_A_ROUTER);
    expect(await answer(() => ports.transfers[0])).toEqual(["oack blksize=1468"]);
  });

  it("tsize is that of a rendered file, too", async () => {
    const { ports, ask, answer } = await tftpTalk();
    ask(rrq("config.txt", { tsize: "0" }));
    const [oack = ""] = await answer(() => ports.transfers[0]);
    ports.transfers[0]?.deliver(ack(0), ASKER, ASKER_PORT);
    const [block] = await answer(() => ports.transfers[0]);
    expect(block).toBe(`data 1 ${/tsize=(\d+)/.exec(oack)?.[1]}`);
  });

  it("multicast is left out: an ordinary transfer follows", async () => {
    const { ports, ask, answer } = await tftpTalk();
    ask(rrq("netbsd", { multicast: "", blksize: "1024" }));
    expect(await answer(() => ports.transfers[0])).toEqual(["oack blksize=1024"]);
    ask(rrq("netbsd", { multicast: "" }), ASKER, ASKER_PORT + 1);
    expect(await answer(() => ports.transfers[1])).toEqual(["data 1 512"]);
  });
});

describe("TFTP names", () => {
  const anyCase = (site: string): string =>
    site.replace("relays:", "tftp: { ignoreCase: true }\n  relays:");

  it.each([
    ["/netbsd", true],
    ["//netbsd", true],
    ["\\netbsd", true],
    ["C:\\boot\\kernel", true],
    ["BOOT/Kernel", false],
    ["../netbsd", false],
    ["x/../netbsd", false],
    ["etc/fstab", false],
    ["/etc/passwd", false],
    ["", false],
    ["a".repeat(1_025), false],
    ["netbsd\x01", false],
  ])("%j is served: %s", async (name, served) => {
    const { ports, ask, answer } = await tftpTalk();
    ask(rrq(name));
    if (served) expect(await answer(() => ports.transfers[0])).toEqual(["data 1 512"]);
    else expect((await answer(() => ports.port(69)))[0]).toMatch(/^error 1 /);
  });

  it("are found in any case where the site says so", async () => {
    const { ports, ask, answer } = await tftpTalk(anyCase);
    ask(rrq("/BOOT\\Kernel"));
    expect(await answer(() => ports.transfers[0])).toEqual(["data 1 512"]);
  });
});

describe("TFTP at one port", () => {
  const onePort = (site: string): string =>
    site.replace("relays:", "tftp: { singlePort: true }\n  relays:");

  it("serves several clients from port 69, told apart by address and port", async () => {
    const { ports, ask, answer, context } = await tftpTalk(onePort);
    const port = () => ports.port(69);
    ask(rrq("netbsd", { blksize: "1024" }));
    expect(await answer(port)).toEqual(["oack blksize=1024"]);
    ask(rrq("netbsd"), ASKER, ASKER_PORT + 1);
    expect(await answer(port)).toEqual(["data 1 512"]);
    ask(ack(0));
    expect(await answer(port)).toEqual(["data 1 1024"]);
    ask(ack(1), ASKER, ASKER_PORT + 1);
    expect(await answer(port)).toEqual(["data 2 512"]);
    ask(error(0), ASKER, ASKER_PORT + 1);
    ask(ack(2), ASKER, ASKER_PORT + 1);
    ask(ack(9), ip("172.24.42.99"), 9);
    expect([port().take(), ports.transfers]).toEqual([[], []]);
    expect(context.counters.entries()).toEqual([]);
  });

  it("begins anew when a client does, and ends all with the port", async () => {
    const { ports, ask, answer, server, last, clock } = await tftpTalk(onePort);
    const port = () => ports.port(69);
    ask(rrq("netbsd"));
    await answer(port);
    ask(rrq("initrd"));
    expect(await answer(port)).toEqual(["data 1 512"]);
    ask(ack(1));
    expect(await answer(port)).toEqual(["data 2 512"]);
    await server.retire();
    expect(last()).toMatchObject({ outcome: "failed", decision: "the agent stops" });
    expect(clock.pending).toBe(0);
  });
});
