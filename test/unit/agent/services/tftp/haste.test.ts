import { describe, expect, it } from "vitest";
import { TftpServer } from "../../../../../agent/services/tftp/server.ts";
import { emitAck, emitRrq, TftpMode } from "../../../../../protocols/tftp/packet.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { type FakeUdpPort, FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { ip, RACK, RACK_FILES, testRack } from "../../../../support/test-site.ts";

const MINIPC = ip("172.24.42.60");
const PORT = 2_000;

function packet(emit: (o: Octets) => number): Uint8Array {
  const o = Octets.alloc(600);
  return o.u8.slice(0, emit(o));
}

/** A read that has had its first block, of a file of so many octets. */
async function reading(size: number) {
  const rack = await testRack(RACK, { ...RACK_FILES, netbsd: new Uint8Array(size) });
  const ports = new FakeUdpPorts();
  const server = new TftpServer(rack.context, ports, { maxTransfers: 4 });
  await server.start();
  const request = { filename: "netbsd", mode: TftpMode.Octet, options: [] };
  ports.port(69).deliver(
    packet((o) => emitRrq(request, o, 0)),
    MINIPC,
    PORT,
  );
  await eventually(() => (ports.transfers[0]?.sent.length ?? 0) > 0, "the first block");
  const [port] = ports.transfers as [FakeUdpPort];
  const acknowledge = async (block: number): Promise<void> => {
    port.deliver(
      packet((o) => emitAck(block, o, 0)),
      MINIPC,
      PORT,
    );
    await settle();
  };
  return { ...rack, port, acknowledge };
}

describe("the way of a file's blocks", () => {
  it("is the shortest once the client has answered, and the host knows its card", async () => {
    const { port, acknowledge } = await reading(300_000);
    expect(port.hastened).toBeUndefined();
    await acknowledge(1);
    expect(port.hastened).toBe(MINIPC);
    port.hastened = 0;
    await acknowledge(2);
    expect(port.hastened).toBe(0);
  });

  it("is not looked for because of a small file", async () => {
    const { port, acknowledge } = await reading(20_000);
    await acknowledge(1);
    expect(port.hastened).toBeUndefined();
  });

  it("is the host's own again when something was lost", async () => {
    const { port, acknowledge, clock } = await reading(300_000);
    await acknowledge(1);
    clock.advance(10);
    expect(port.hastened).toBe(MINIPC);
    clock.advance(10_000);
    expect(port.hastened).toBeUndefined();
  });
});
