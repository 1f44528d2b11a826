import { describe, expect, it, onTestFinished } from "vitest";
import type { Content } from "../../../../agent/assets/content.ts";
import { CurrentPlans } from "../../../../agent/plan/current-plans.ts";
import type { ServiceContext } from "../../../../agent/services/context.ts";
import { DhcpServer } from "../../../../agent/services/dhcp/server.ts";
import { HttpService } from "../../../../agent/services/http/service.ts";
import { NfsProgram } from "../../../../agent/services/nfs/program.ts";
import { RarpService } from "../../../../agent/services/rarp.ts";
import { RpcDispatcher } from "../../../../agent/services/rpc/dispatcher.ts";
import { MountProgram } from "../../../../agent/services/rpc/mount.ts";
import { TftpServer } from "../../../../agent/services/tftp/server.ts";
import { emitArp, RARP_REQUEST } from "../../../../protocols/arp/packet.ts";
import {
  ETHERTYPE_RARP,
  EthernetView,
  emitEthernet,
} from "../../../../protocols/ethernet/frame.ts";
import {
  emitMountPath,
  MOUNT_FHSIZE,
  MountResultView,
} from "../../../../protocols/mount/messages.ts";
import { emitDiropArgs } from "../../../../protocols/nfs/args.ts";
import { NfsProc, NfsStat } from "../../../../protocols/nfs/constants.ts";
import { DiropResultView } from "../../../../protocols/nfs/results.ts";
import { emitRrq, TftpMode } from "../../../../protocols/tftp/packet.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../support/eventually.ts";
import { FakeSender } from "../../../support/fake-sender.ts";
import { FakeSocket } from "../../../support/fake-socket.ts";
import { FakeUdpPorts } from "../../../support/fake-udp.ts";
import { bytes } from "../../../support/hex.ts";
import { MemoryOverrides } from "../../../support/memory-overrides.ts";
import { answered, callOctets, dispatch, type EmitArgs } from "../../../support/rpc-client.ts";
import { ip, RACK, testRack } from "../../../support/test-site.ts";
import { IPXE_DISCOVER } from "../../protocols/dhcp/frames.ts";

const V100 = { src: ip("172.24.42.51") };
const MINIPC = "172.24.42.60";

async function setUp() {
  const rack = await testRack();
  const plans = await CurrentPlans.create({
    planner: rack.planner,
    records: new MemoryOverrides(),
    journal: rack.journal,
    now: () => rack.clock.now(),
    wallMs: () => 0,
    problem: (error) => expect.unreachable(error.message),
    crash: (bug) => expect.unreachable(String(bug)),
  });
  onTestFinished(() => plans.stop());
  const context: ServiceContext = { ...rack.context, planner: plans };
  const ports = new FakeUdpPorts();
  return { ...rack, plans, context, ports };
}

async function setUpRpc() {
  const rack = await setUp();
  const { context } = rack;
  const rpc = new RpcDispatcher(context, [new MountProgram(context, 635), new NfsProgram(context)]);
  const mountCall = (path: string): Uint8Array =>
    callOctets(100_005, 1, 1, (o, at) => emitMountPath(path, o, at));
  const mount = async (path: string): Promise<Uint8Array> => {
    const { octets, view } = await answered(rpc, mountCall(path), V100);
    const result = new MountResultView();
    expect(result.reset(octets, view.resultsAt, view.resultsLen)).toBe(0);
    expect(result.status).toBe(0);
    return octets.u8.slice(result.fhandleAt, result.fhandleAt + MOUNT_FHSIZE);
  };
  const lookup = async (root: Uint8Array, name: string): Promise<number> => {
    const args: EmitArgs = (o, at) => emitDiropArgs(root, name, o, at);
    const reply = await answered(rpc, callOctets(100_003, 2, NfsProc.Lookup, args), V100);
    const result = new DiropResultView();
    expect(result.reset(reply.octets, reply.view.resultsAt, reply.view.resultsLen)).toBe(0);
    return result.status;
  };
  /** The machine is switched on, and its PROM is answered. */
  const powerOn = (): string | undefined => {
    rack.clock.advance(30_000);
    const plan = rack.plans.byIp(V100.src);
    if (!plan) throw new Error("no plan");
    rack.plans.asks(plan, { by: "rarp" });
    return rack.plans.asks(plan, { by: "tftp" }).machine.profile?.name;
  };
  return { ...rack, rpc, mount, mountCall, lookup, powerOn };
}

describe("a root that is mounted", () => {
  it("stays while other plans come, until the machine mounts anew", async () => {
    const { plans, mount, lookup, powerOn } = await setUpRpc();
    expect(powerOn()).toBe("sun");
    const sun = await mount("/sun");
    await plans.boot("v100", "debian", "eva");
    expect(await lookup(sun, "netbsd")).toBe(NfsStat.Ok);
    // Its firmware runs already: nothing was mounted yet, and the handle that is left costs nothing.
    expect(powerOn()).toBe("debian");
    expect(await lookup(sun, "netbsd")).toBe(NfsStat.Ok);
    const debian = await mount("/debian");
    expect(await lookup(debian, "kernel")).toBe(NfsStat.Ok);
    expect(await lookup(sun, "netbsd")).toBe(NfsStat.Stale);
    await plans.release("v100", "eva");
    expect(await lookup(debian, "kernel")).toBe(NfsStat.Ok);
    expect(powerOn()).toBe("sun");
    expect(await lookup(debian, "kernel")).toBe(NfsStat.Ok);
    await mount("/sun");
    expect(await lookup(debian, "kernel")).toBe(NfsStat.Stale);
  });

  it("stays over a change of the site, also when it was mounted before the agent began", async () => {
    const { context, plans, lookup, plan } = await setUpRpc();
    const { tree } = plan("v100").export ?? {};
    if (!tree) throw new Error("no tree");
    const handle = Octets.alloc(32);
    context.handles.emit(tree.fsid, tree.root, handle, 0);
    expect(await lookup(handle.u8, "netbsd")).toBe(NfsStat.Ok);
    const text = RACK.replace(/(v100:.*profile: )sun/, "$1debian");
    await plans.replace((await testRack(text)).planner);
    expect(plans.byIp(V100.src)?.machine.profile?.name).toBe("debian");
    expect(await lookup(handle.u8, "netbsd")).toBe(NfsStat.Ok);
    await plans.replace((await testRack(text.replace(/^ {2}v100:.*\n/m, ""))).planner);
    expect(plans.mountedOn(plan("v100"))).toBeUndefined();
  });
});

describe("an override", () => {
  it("is not taken by what gets no answer: a relay that the site does not name, a write", async () => {
    const { plans, context, ports } = await setUp();
    const dhcp = new DhcpServer(context, new FakeSender());
    const tftp = new TftpServer(context, ports, { maxTransfers: 4 });
    await dhcp.start(ports);
    await tftp.start();
    onTestFinished(() => {
      dhcp.stop();
      tftp.stop();
    });
    await plans.boot("minipc", "plain", "eva");
    const taken = (): boolean[] =>
      plans.overridesOf("minipc").map((o) => o.kind === "boot" && o.taken);
    const relayed = new Octets(bytes(IPXE_DISCOVER));
    relayed.dv.setInt32(24, ip("8.8.8.8"));
    ports.port(67).deliver(relayed.u8, ip(MINIPC), 68);
    const write = bytes("0002 6100 6f6374657400");
    ports.port(69).deliver(write, ip(MINIPC), 2_000, false);
    expect(taken()).toEqual([false]);
    ports.port(67).deliver(bytes(IPXE_DISCOVER), ip(MINIPC), 68);
    expect(taken()).toEqual([true]);
    await settle();
  });
});

describe("a machine that is held", () => {
  it("goes on reading the root that it runs from, and mounts nothing", async () => {
    const { plans, rpc, mount, mountCall, lookup, powerOn, last } = await setUpRpc();
    powerOn();
    const root = await mount("/sun");
    await plans.hold("v100", "eva");
    expect(await lookup(root, "netbsd")).toBe(NfsStat.Ok);
    expect(await dispatch(rpc, mountCall("/sun"), V100)).toBeUndefined();
    expect(last()).toMatchObject({ machine: "v100", outcome: "silent", decision: "held by eva" });
  });

  it("is not answered by DHCP, but keeps the address that it runs with", async () => {
    const { plans, context, ports, last } = await setUp();
    const sender = new FakeSender();
    const server = new DhcpServer(context, sender);
    await server.start(ports);
    onTestFinished(() => server.stop());
    const discover = bytes(IPXE_DISCOVER);
    const renewal = Uint8Array.from([...discover.subarray(0, 240), 53, 1, 3, 255]);
    new Octets(renewal).dv.setInt32(12, ip(MINIPC));
    const ask = async (message: Uint8Array): Promise<number> => {
      ports.port(67).deliver(message, ip(MINIPC), 68);
      await settle();
      return sender.frames.splice(0).length;
    };
    expect(await ask(discover)).toBe(1);
    await plans.hold("minipc", "eva");
    expect(await ask(discover)).toBe(0);
    expect(last()).toMatchObject({ machine: "minipc", decision: "held by eva" });
    expect(await ask(renewal)).toBe(1);
  });

  it("is not answered by TFTP", async () => {
    const { plans, context, ports, last } = await setUp();
    const server = new TftpServer(context, ports, { maxTransfers: 4 });
    await server.start();
    onTestFinished(() => server.stop());
    const o = Octets.alloc(100);
    const len = emitRrq({ filename: "nothing", mode: TftpMode.Octet, options: [] }, o, 0);
    const ask = async (): Promise<number> => {
      ports.port(69).deliver(o.u8.slice(0, len), ip(MINIPC), 2_000, false);
      await settle();
      return ports.port(69).take().length;
    };
    expect(await ask()).toBe(1);
    await plans.hold("minipc", "eva");
    expect(await ask()).toBe(0);
    expect(last()).toMatchObject({ protocol: "tftp", outcome: "silent", decision: "held by eva" });
  });

  it("is not answered what it had asked before, when that is fetched at last", async () => {
    const { plans, context, ports, assets, last, clock } = await setUp();
    const [tftp, sender] = [new TftpServer(context, ports, { maxTransfers: 4 }), new FakeSender()];
    const rarp = new RarpService(context, sender);
    await tftp.start();
    onTestFinished(() => {
      tftp.stop();
      rarp.stop();
    });
    const slot = assets.slots.get("ofwboot");
    if (!slot) throw new Error("no slot");
    const there = slot.current() as Content;
    slot.wait();
    const o = Octets.alloc(100);
    const rrq = { filename: "AC182A33", mode: TftpMode.Octet, options: [] };
    ports.port(69).deliver(o.u8.slice(0, emitRrq(rrq, o, 0)), V100.src, 2_000, false);
    const request = Octets.alloc(60);
    const v100 = bytes("0003ba5baeb3");
    const all = new Uint8Array(6).fill(0xff);
    const at = emitEthernet({ dst: all, src: v100, etherType: ETHERTYPE_RARP }, request, 0);
    emitArp({ op: RARP_REQUEST, sha: v100, spa: 0, tha: v100, tpa: 0 }, request, at);
    const frame = new EthernetView();
    frame.reset(request, 0, 60);
    rarp.handle(request, frame);
    expect(last().decision).toMatch(/^held: fetching/);
    await plans.hold("v100", "eva");
    slot.become(there);
    await settle();
    clock.advance(1_000);
    await settle();
    expect(ports.transfers).toEqual([]);
    expect(ports.port(69).take()).toEqual([]);
    expect(sender.frames).toEqual([]);
    const held = context.journal.entries().filter((e) => e.decision === "held by eva");
    expect(held.map((e) => e.protocol).sort()).toEqual(["rarp", "tftp"]);
  });

  it("is not answered by HTTP", async () => {
    const { plans, context, last } = await setUp();
    const server = new HttpService(context).createServer();
    onTestFinished(() => server.closeAllConnections());
    await plans.hold("minipc", "eva");
    const socket = new FakeSocket(MINIPC);
    server.emit("connection", socket);
    socket.arrive("GET /netbsd HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually(() => socket.destroyed, "the end of the connection");
    expect(socket.text).toBe("");
    expect(last()).toMatchObject({ protocol: "http", outcome: "silent", decision: "held by eva" });
  });
});
