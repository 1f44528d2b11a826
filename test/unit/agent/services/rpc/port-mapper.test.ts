import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../../agent/errors.ts";
import { PortMapper } from "../../../../../agent/services/rpc/port-mapper.ts";
import { LOOK_MS } from "../../../../../agent/services/rpc/registration.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeRpcbind } from "../../../../support/fake-rpcbind.ts";
import { testRack } from "../../../../support/test-site.ts";

const MOUNT_UDP = { prog: 100_005, vers: 1, prot: 17, port: 635 };
const MOUNT_TCP = { prog: 100_005, vers: 1, prot: 6, port: 635 };
const NFS_UDP = { prog: 100_003, vers: 2, prot: 17, port: 2049 };
const OURS = [MOUNT_UDP, MOUNT_TCP, NFS_UDP];
const ELSEWHERE = { prog: 100_003, vers: 3, prot: 6, port: 2049 };

interface Host {
  /** Whether somebody has port 111. */
  taken: boolean;
  /** Whether who has it lets others hear broadcasts. */
  shares: boolean;
  /** Whether UDP at our address can be had all the same. */
  leavesUdp: boolean;
}

async function setUp(o: Partial<Host> = {}) {
  const { context, clock, journal } = await testRack();
  const host: Host = { taken: true, shares: true, leavesUdp: false, ...o };
  const rpcbind = new FakeRpcbind();
  const health: string[][] = [];
  const open: string[] = [];
  const inUse = () => new AgentError("E_PORT_IN_USE", "UDP 172.24.42.150:111 is in use");
  const opened = (what: string): void => {
    open.push(what);
  };
  const closed = (what: string): void => {
    open.splice(open.indexOf(what), 1);
  };
  const ports = {
    openUdp: async () => {
      if (host.taken && !host.leavesUdp) throw inUse();
      opened("udp");
      return { close: () => closed("udp") };
    },
    openTcp: async () => {
      if (host.taken) throw inUse();
      opened("tcp");
      return { close: () => closed("tcp") };
    },
    openBroadcasts: async () => {
      if (!host.shares) throw inUse();
      opened("broadcasts");
      return { close: () => closed("broadcasts") };
    },
    openForwarded: async () => {
      opened("forwarded");
      return { close: () => closed("forwarded") };
    },
  };
  const support = {
    ask: rpcbind.ask,
    health: (...reasons: readonly string[]) => health.push([...reasons]),
  };
  const mapper = new PortMapper(context, ports, OURS, support);
  const look = async (times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) {
      await settle();
      clock.advance(LOOK_MS);
    }
    await settle();
  };
  const decisions = (): readonly string[] => journal.entries().map((e) => e.decision);
  return { mapper, rpcbind, health, open, host, look, clock, decisions, context, ports };
}

describe("PortMapper", () => {
  it("has port 111 alone where it is free, and asks nobody", async () => {
    const { mapper, open, rpcbind, clock } = await setUp({ taken: false });
    await mapper.start();
    expect([open, rpcbind.calls]).toEqual([["udp", "tcp"], []]);
    await mapper.stop();
    expect([open, clock.pending]).toEqual([[], 0]);
  });

  it("registers with rpcbind, and takes away what is ours at the end", async () => {
    const { mapper, rpcbind, health, open, clock, decisions } = await setUp();
    rpcbind.mappings = [ELSEWHERE];
    await mapper.start();
    expect(rpcbind.mappings).toEqual([ELSEWHERE, ...OURS]);
    expect(open).toEqual(["broadcasts"]);
    expect(health.at(-1)).toEqual([]);
    expect(decisions()).toEqual([
      "registered with rpcbind, which has the port; broadcasts are answered by us",
    ]);
    await mapper.stop();
    expect(rpcbind.mappings).toEqual([ELSEWHERE]);
    expect([open, clock.pending]).toEqual([[], 0]);
  });

  it("takes what it left behind itself for its own", async () => {
    const { mapper, rpcbind } = await setUp();
    rpcbind.mappings = [...OURS];
    await mapper.start();
    expect(rpcbind.mappings).toEqual(OURS);
    await mapper.stop();
    expect(rpcbind.mappings).toEqual([]);
  });

  it("registers again with one that was restarted, and is not troubled by its absence", async () => {
    const { mapper, rpcbind, health, look } = await setUp();
    await mapper.start();
    rpcbind.running = false;
    rpcbind.mappings = [];
    await look();
    expect(health.at(-1)?.join()).toContain("does not answer any more");
    rpcbind.running = true;
    await look();
    expect(rpcbind.mappings).toEqual(OURS);
    expect(health.at(-1)).toEqual([]);
  });

  it("makes port 111 its own when rpcbind stays away", async () => {
    const { mapper, rpcbind, health, look, host, open, clock, decisions } = await setUp();
    await mapper.start();
    Object.assign(rpcbind, { running: false });
    host.taken = false;
    await look(2);
    expect(open).toEqual(["broadcasts"]);
    await look(2);
    expect(open).toEqual(["udp", "tcp"]);
    expect(health.at(-1)).toEqual([]);
    expect(decisions().at(-1)).toBe("rpcbind is gone: our own port mapper answers");
    await settle();
    expect(clock.pending).toBe(0);
  });

  it("waits on where systemd keeps the port for rpcbind's return", async () => {
    const { mapper, rpcbind, look, open } = await setUp();
    await mapper.start();
    rpcbind.running = false;
    rpcbind.mappings = [];
    await look(6);
    expect(open).toEqual(["broadcasts"]);
    rpcbind.running = true;
    await look();
    expect(rpcbind.mappings).toEqual(OURS);
  });

  it("says what cannot work where rpcbind keeps broadcasts for itself, and how it could", async () => {
    const { mapper, health } = await setUp({ shares: false });
    await mapper.start();
    expect(health.at(-1)?.join()).toMatch(/CALLIT.*rpcbind\.socket.*-r/);
    await mapper.stop();
    expect(health.at(-1)).toEqual([]);
  });

  it("has nothing to complain of where rpcbind passes broadcasts on", async () => {
    const { mapper, health, rpcbind, decisions, open } = await setUp({ shares: false });
    rpcbind.forwards = true;
    await mapper.start();
    expect(health.at(-1)).toEqual([]);
    expect(decisions().at(-1)).toContain("broadcasts come by rpcbind");
    expect(open).toEqual(["forwarded"]);
    await mapper.stop();
    expect(open).toEqual([]);
  });

  it("leaves another server's entries alone, and says that machines are sent there", async () => {
    const { mapper, rpcbind, health } = await setUp();
    const theirs = { ...MOUNT_TCP, port: 20_048 };
    rpcbind.mappings = [theirs];
    await mapper.start();
    expect(rpcbind.mappings).toEqual([theirs, MOUNT_UDP, NFS_UDP]);
    expect(health.at(-1)?.join()).toContain("program 100005 version 1 over TCP at port 20048");
    await mapper.stop();
    // UNSET takes both protocols: MOUNT stays as it is rather than take theirs away.
    expect(rpcbind.mappings).toEqual([theirs, MOUNT_UDP]);
  });

  it("keeps UDP where systemd opened it for us, and registers the rest", async () => {
    const { mapper, rpcbind, open, look, host } = await setUp({ leavesUdp: true });
    await mapper.start();
    expect([open, rpcbind.mappings]).toEqual([["udp"], OURS]);
    rpcbind.running = false;
    await look(4);
    expect(open).toEqual(["udp"]);
    host.taken = false;
    await look();
    expect(open).toEqual(["udp", "tcp"]);
    await mapper.stop();
    expect(open).toEqual([]);
  });

  it("leaves nothing open when it is stopped while it waits", async () => {
    const { mapper, rpcbind, open, look, host, clock } = await setUp();
    await mapper.start();
    rpcbind.running = false;
    await look(2);
    host.taken = false;
    clock.advance(LOOK_MS);
    await mapper.stop();
    await settle();
    expect([open, clock.pending]).toEqual([[], 0]);
  });

  it("refuses to start beside something that is no port mapper, with a cure", async () => {
    const { mapper, rpcbind, open } = await setUp();
    rpcbind.running = false;
    await expect(mapper.start()).rejects.toMatchObject({
      code: "E_PORT_IN_USE",
      message: expect.stringContaining("answers no port mapper's call"),
      cure: expect.stringContaining("ss -lunpt"),
    });
    expect(open).toEqual([]);
  });

  it.each([
    ["rubbish", () => new Uint8Array(7)],
    ["another call's reply", (u8: Uint8Array) => u8.fill(0xa5, 0, 4)],
    ["half a list", (u8: Uint8Array) => u8.subarray(0, u8.length - 2)],
  ])("takes %s for no answer", async (_, spoil) => {
    const { context, ports, rpcbind } = await setUp();
    const ask = async (message: Uint8Array): Promise<Uint8Array | undefined> => {
      const answer = await rpcbind.ask(message);
      return answer && spoil(answer);
    };
    const mapper = new PortMapper(context, ports, OURS, { ask, health: () => {} });
    await expect(mapper.start()).rejects.toMatchObject({ code: "E_PORT_IN_USE" });
  });
});
