import { describe, expect, it } from "vitest";
import { eventually, settle } from "../../../../support/eventually.ts";
import type { FakeUdpPort } from "../../../../support/fake-udp.ts";
import { ip } from "../../../../support/test-site.ts";
import { ASKER, ack, error, rrq, say, tftpTalk } from "../../../../support/tftp-talk.ts";

const V100 = ip("172.24.42.51");
const U5 = ip("172.24.42.61");
const LOADER = "AC182A33";
const WAITS = "waits: as many transfers as this board may have are running or held";

/** A board of four transfers, two for one machine, with all four begun: two of the V100, one of each of the others. */
async function fullBoard() {
  const talk = await tftpTalk(undefined, undefined, { maxTransfers: 4 });
  const { ask, ports, journal } = talk;
  const running = [
    [rrq(LOADER), V100, 1],
    [rrq(LOADER), V100, 2],
    [rrq("netbsd"), ASKER, 1],
    [rrq("grub.efi"), U5, 1],
  ] as const;
  for (const [i, [request, src, port]] of running.entries()) {
    ask(request, src, port);
    await settle();
    ports.transfers[i]?.deliver(ack(1), src, port);
  }
  const said = (): string[] => journal.entries().map(({ decision }) => decision);
  const end = (i: number): void => {
    const [, src, port] = running[i] ?? [];
    ports.transfers[i]?.deliver(error(0), src ?? 0, port ?? 0);
  };
  /** To whom the transfers after the first four go. */
  const served = async (): Promise<string[]> => {
    await settle();
    const further = (): FakeUdpPort[] => ports.transfers.slice(4);
    await eventually(() => further().every(({ sent }) => sent.length > 0), "an answer of each");
    return further().map(({ sent: [first] }) => `${first && say(first)} to ${first?.dstPort}`);
  };
  return { ...talk, said, end, served };
}

describe("the TFTP service when the board is full", () => {
  it("lets requests wait, says so once, and serves the oldest when a transfer ends", async () => {
    const { ask, said, end, served, clock, last } = await fullBoard();
    ask(rrq("grub.efi"), U5, 7);
    ask(rrq("netbsd"), ASKER, 8);
    clock.advance(500);
    ask(rrq("grub.efi", { blksize: "600" }), U5, 7);
    expect(await served()).toEqual([]);
    expect(said()).toEqual([WAITS, WAITS]); // one of each machine
    end(0);
    expect(await served()).toEqual(["oack blksize=600 to 7"]);
    end(1);
    expect(await served()).toEqual(["oack blksize=600 to 7", "data 1 512 to 8"]);
    expect(last().outcome).toBe("failed"); // the V100, and nobody who waited
  });

  it("lets who asks now wait behind who waits already", async () => {
    const { ask, end, served } = await fullBoard();
    ask(rrq("netbsd"), ASKER, 8);
    end(0);
    await settle();
    ask(rrq("grub.efi"), U5, 7);
    expect(await served()).toEqual(["data 1 512 to 8"]);
  });

  it("is silent to a machine that has and awaits as much as it may have", async () => {
    const { ask, end, served, last } = await fullBoard();
    ask(rrq(LOADER), V100, 3);
    ask(rrq("netbsd"), ASKER, 8);
    ask(rrq("netbsd"), ASKER, 9);
    expect(last().decision).toContain("and as many wait");
    end(0);
    end(1);
    expect(await served()).toEqual(["data 1 512 to 8"]);
  });

  it("does not serve who has ceased to ask, asks for what there is not, or is gone when it stops", async () => {
    const { ask, end, served, clock, ports, server } = await fullBoard();
    ask(rrq("netbsd"), ASKER, 8);
    ask(rrq("none"), ASKER, 8);
    expect(ports.port(69).take().map(say)).toHaveLength(1);
    end(0);
    expect(await served()).toEqual([]);
    ask(rrq(LOADER), V100, 5);
    expect(await served()).toHaveLength(1);
    ask(rrq("grub.efi"), U5, 7);
    server.stop();
    expect(clock.pending).toBe(0);
    expect(await served()).toHaveLength(1);
  });

  it.each([
    ["was sent whole and never confirmed", true, "did not acknowledge the last block"],
    ["was never answered", false, "the client did not answer, and others wait"],
  ])("ends a read that %s, once somebody waits", async (_, begun, why) => {
    const talk = await tftpTalk(undefined, undefined, { maxTransfers: 1 });
    const { ask, ports, clock, last } = talk;
    ask(rrq("netbsd", { blksize: "1468", windowsize: "16" }), ASKER, 1);
    await settle();
    if (begun) ports.transfers[0]?.deliver(ack(0), ASKER, 1);
    const packets = begun ? 5 : 1;
    await eventually(() => ports.transfers[0]?.sent.length === packets, "all that is sent");
    clock.advance(1_000);
    ask(rrq(LOADER), V100, 1);
    await settle();
    expect(ports.transfers).toHaveLength(1);
    clock.advance(2_000);
    ask(rrq(LOADER), V100, 1);
    await settle();
    expect(ports.transfers.map((port) => port.closed)).toEqual([true, false]);
    expect(last()).toMatchObject({ outcome: "failed", machine: "minipc" });
    expect(last().decision).toContain(why);
  });

  it("leaves a read alone whose client is only slow", async () => {
    const { ask, ports, clock } = await tftpTalk(undefined, undefined, { maxTransfers: 1 });
    ask(rrq("netbsd"), ASKER, 1);
    await settle();
    ports.transfers[0]?.deliver(ack(1), ASKER, 1);
    await settle();
    for (let i = 0; i < 8; i++) {
      clock.advance(1_000);
      ask(rrq(LOADER), V100, 1);
      await settle();
    }
    expect(ports.transfers.map((port) => port.closed)).toEqual([false]);
  });
});
