import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JournalEntry } from "../../agent/log/journal.ts";
import { DhcpWriter } from "../../protocols/dhcp/message.ts";
import {
  BOOTREPLY,
  BOOTREQUEST,
  DhcpMessageType,
  DhcpOption,
  PXE_BOOT_SERVER_PORT,
} from "../../protocols/dhcp/options.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { AgentProcess, MAIN } from "../support/agent-process.ts";
import { destination, fence, TARGETS } from "../support/asking.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import { parseExposition } from "../support/exposition.ts";
import { Namespace } from "../support/netns.ts";
import { read } from "../support/questions.ts";
import {
  BROADCAST_MAC,
  describeSeen,
  ip,
  mac,
  RawHost,
  RawWires,
  type Seen,
} from "../support/raw-wire.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

/** The ports of what a rack asks by broadcast, and of PXE's boot server. */
const PORTS = [67, 69, 111, PXE_BOOT_SERVER_PORT];
/** Nobody has it open: the kernel says so. */
const CLOSED_PORT = PXE_BOOT_SERVER_PORT + 1;
const OTHER = { mac: "52:54:00:77:00:01", ip: "172.24.42.1" };
/** What v100 gets of the other server: not what the site says. */
const GIVEN = "172.24.42.199";
const LIMITS = { maxLen: 548, overload: false };
const UEFI = "PXEClient:Arch:00007:UNDI:003000";

let inside: Namespace;
let outside: Namespace;
let wires: RawWires;
let rackMac: Uint8Array;
/** v100 before it has an address, and with the one of the other server. */
let fresh: RawHost;
let given: RawHost;
let stranger: RawHost;
let other: RawHost;
let agent: AgentProcess | undefined;

beforeAll(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create(inside);
  inside.connect(NET.rack, outside, "rack");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  rackMac = mac(inside.macOf(NET.rack));
  wires = await RawWires.open(outside, "rack");
  const wire = wires.wire(0);
  fresh = new RawHost(wire, NET.v100.mac, "0.0.0.0");
  given = new RawHost(wire, NET.v100.mac, GIVEN);
  stranger = new RawHost(wire, NET.stranger.mac, NET.stranger.ip);
  other = new RawHost(wire, OTHER.mac, OTHER.ip);
  return async () => {
    wires.close();
    await outside.close();
    await inside.close();
  };
});

afterEach(async () => {
  await agent?.close();
  agent = undefined;
});

async function serve(mode: string, ...options: readonly string[]): Promise<AgentProcess> {
  const site = new BootSite((text) => text.replace("\nassets:", `\n  dhcp: ${mode}\nassets:`));
  try {
    agent = await AgentProcess.serve(inside, site.path, NET.rack, [], options);
    return agent;
  } finally {
    // Its assets are read when it starts.
    cleanUps.push(() => site.remove());
  }
}

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanUps.splice(0)) clean();
});

/** A message of DHCP; `emit` writes its options after the type. */
function message(
  type: number,
  header: { readonly ciaddr?: number; readonly yiaddr?: number },
  emit: (w: DhcpWriter) => void,
): Uint8Array {
  const o = Octets.alloc(600);
  const w = new DhcpWriter();
  const reply = type === DhcpMessageType.Offer || type === DhcpMessageType.Ack;
  const op = reply ? BOOTREPLY : BOOTREQUEST;
  w.begin({ op, xid: 0x4711, chaddr: mac(NET.v100.mac), ...header }, o, 0, LIMITS);
  w.u8(DhcpOption.DhcpMessageType, type);
  emit(w);
  return o.u8.slice(0, w.end());
}

/** v100 as UEFI. */
function uefi(type: number, ciaddr = 0): Uint8Array {
  return message(type, { ciaddr }, (w) => {
    w.text(DhcpOption.VendorClassIdentifier, UEFI);
    w.u16(DhcpOption.ClientSystemArchitecture, 7);
  });
}

const ALL = { mac: BROADCAST_MAC, ip: -1 };

/** Sends, and waits for the DHCP message that this draws to `port`. */
async function answered(
  send: () => void,
  port: number,
): Promise<{ readonly seen: Seen; readonly view: DhcpView }> {
  const from = fresh.wire.seen.length;
  send();
  const seen = await until(`a DHCP message to port ${port}`, () =>
    fresh.wire.seen.slice(from).find((s) => s.kind === "udp" && s.dstPort === port),
  );
  const view = new DhcpView();
  expect(view.reset(seen.payload, 0, seen.payload.u8.length)).toBe(0);
  return { seen, view };
}

/** v100 asks as UEFI, by the way that goes past the agent for its address. */
async function proxyOffer(): Promise<void> {
  const discover = uefi(DhcpMessageType.Discover);
  const { seen, view } = await answered(() => fresh.udp({ ...ALL, port: 67 }, 68, discover), 68);
  expect([seen.dst, view.messageType, view.yiaddr]).toEqual([-1, DhcpMessageType.Offer, 0]);
  expect(view.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient");
  expect(view.optionAt(DhcpOption.VendorSpecific)).toBe(-1);
  expect(view.fileText()).toBe(NET.file);
}

/** v100 asks in the same way, and is offered the address that the site reserves. */
async function addressOffer(): Promise<void> {
  const discover = uefi(DhcpMessageType.Discover);
  const { view } = await answered(() => fresh.udp({ ...ALL, port: 67 }, 68, discover), 68);
  expect([view.messageType, view.yiaddr]).toEqual([DhcpMessageType.Offer, ip(NET.v100.ip)]);
}

/** The other server offers an address to somebody; resolves with what the agent says of it. */
async function otherServer({ journal }: AgentProcess, to = ALL): Promise<JournalEntry> {
  const offer = message(DhcpMessageType.Offer, { yiaddr: ip(GIVEN) }, (w) => {
    w.ipv4(DhcpOption.ServerIdentifier, ip(OTHER.ip));
  });
  other.udp({ ...to, port: 68 }, 67, offer);
  return await until("a word about the other server", () =>
    journal.find((e) => e.event === "another DHCP server" && e.address === OTHER.ip),
  );
}

/** What the agent with this state folder answers on its socket. */
async function asked(state: string, path: string): Promise<string> {
  const socketPath = `${state}/agent.sock`;
  const asks = get({ socketPath, path, headers: { accept: "application/json" } });
  const [answer] = (await once(asks, "response")) as [IncomingMessage];
  return await text(answer);
}

/** What `pilotlight servers WORDS --json` says on the agent's host. */
function servers(state: string, ...words: readonly string[]): unknown {
  const args = [MAIN, "servers", ...words, "--state", state, "--json"];
  return JSON.parse(inside.run(process.execPath, ...args));
}

describe.each(["authoritative", "auto", "proxy"])("an agent whose site says dhcp: %s", (mode) => {
  it("never says by ICMP that a port is closed", async () => {
    await serve(mode);
    const from = stranger.wire.seen.length;
    for (const port of PORTS) {
      for (const target of TARGETS) {
        for (const host of [stranger, given, fresh]) {
          host.udp({ ...destination(target, rackMac), port }, 1_000 + port, read("nothing"));
        }
      }
    }
    await fence(stranger, ip(NET.agent));
    const told = (): readonly string[] =>
      stranger.wire.seen
        .slice(from)
        .filter((s) => s.kind === "icmp")
        .map(describeSeen);
    expect(told()).toEqual([]);
    // The same would have been seen.
    stranger.udp({ ...destination("unicast", rackMac), port: CLOSED_PORT }, 1_000, read("x"));
    await until("ICMP of a closed port", () => told().length > 0);
  });
});

describe("an agent beside another DHCP server", () => {
  it("offers what to boot, answers on port 4011 from 4011, and serves the address that the other gave", async () => {
    const { journal } = await serve("proxy");
    await proxyOffer();
    const request = uefi(DhcpMessageType.Request, ip(GIVEN));
    const to = { mac: rackMac, ip: ip(NET.agent), port: PXE_BOOT_SERVER_PORT };
    const { seen, view } = await answered(
      () => given.udp(to, PXE_BOOT_SERVER_PORT, request),
      PXE_BOOT_SERVER_PORT,
    );
    expect([seen.srcPort, seen.dst, seen.dstMac]).toEqual([
      PXE_BOOT_SERVER_PORT,
      ip(GIVEN),
      NET.v100.mac,
    ]);
    expect([view.messageType, view.fileText()]).toEqual([DhcpMessageType.Ack, NET.file]);
    const from = given.wire.seen.length;
    given.udp({ mac: rackMac, ip: ip(NET.agent), port: 69 }, 2_000, read(NET.file));
    await until("the file", () =>
      given.wire.seen.slice(from).find((s) => s.dstPort === 2_000 && s.payload.u8.length > 10),
    );
    expect(journal.find((e) => e.protocol === "tftp")?.machine).toBe("v100");
  });

  it("notices it in auto at once, says which it is, and is a proxy from then on", async () => {
    const state = tempDir();
    const first = await serve("auto", "--state", state);
    const told = await otherServer(first);
    expect(told).toMatchObject({ address: OTHER.ip, outcome: "noted" });
    expect(told.decision).toContain("from now on we only say what to boot");
    await proxyOffer();
    await first.close();
    const again = await serve("auto", "--state", state);
    await proxyOffer();
    expect(again.journal.filter((e) => e.event === "another DHCP server")).toEqual([]);
  });

  it("is none in auto any more when the operator says that it is gone, also after a restart", async () => {
    const state = tempDir();
    const first = await serve("auto", "--state", state);
    await otherServer(first);
    await first.close();
    const again = await serve("auto", "--state", state);
    expect(servers(state)).toMatchObject({
      conduct: "proxy",
      servers: [{ address: OTHER.ip, givesAddresses: true, kept: true }],
    });
    await proxyOffer();
    expect(servers(state, "forget")).toMatchObject({ server: { address: OTHER.ip, kept: false } });
    await until("the operator's word in the journal", () =>
      again.journal.some((e) => e.decision === `${OTHER.ip} is forgotten, as local said`),
    );
    await addressOffer();
    await again.close();
    await serve("auto", "--state", state);
    expect(servers(state)).toMatchObject({ conduct: "reservations", servers: [] });
    await addressOffer();
    const none = inside.try(process.execPath, MAIN, "servers", "forget", "--state", state);
    expect([none.status, none.stderr]).toEqual([1, expect.stringContaining("E_NOT_FOUND")]);
  });

  it("is told of beside authoritative in the journal, the status and the metrics", async () => {
    const state = tempDir();
    const { decision } = await otherServer(await serve("authoritative", "--state", state));
    expect(decision).toContain("gives addresses here as well");
    const metrics = parseExposition(await asked(state, "/metrics"));
    expect(metrics.get("pilotlight_dhcp_other_servers")?.samples[0]?.value).toBe(1);
    expect(JSON.parse(await asked(state, "/v1/status"))).toMatchObject({
      state: "degraded",
      dhcp: { mode: "authoritative", conduct: "all", otherServers: 1 },
    });
  });

  it("asks for it by itself, from a card that is nobody's, and hears an answer to that card alone", async () => {
    const from = other.wire.seen.length;
    const agent = await serve("auto");
    const probe = await until("a probe", () =>
      other.wire.seen.slice(from).find((s) => s.kind === "udp" && s.dstPort === 67),
    );
    const view = new DhcpView();
    expect(view.reset(probe.payload, 0, probe.payload.u8.length)).toBe(0);
    const card = probe.payload.u8.slice(view.chaddrAt, view.chaddrAt + 6);
    expect((card[0] ?? 0) & 3).toBe(2);
    await otherServer(agent, { mac: card, ip: ip(GIVEN) });
  });
});
