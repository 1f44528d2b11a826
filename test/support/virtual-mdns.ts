import type { RemoteInfo } from "node:dgram";
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { onTestFinished } from "vitest";
import type { MulticastSocket } from "../../agent/discovery/mdns/guarded-socket.ts";
import { openLane } from "../../agent/discovery/mdns/lane.ts";
import type { Link } from "../../agent/discovery/mdns/links.ts";
import { Responder, type Service } from "../../agent/discovery/mdns/responder.ts";
import type { MdnsHost } from "../../agent/discovery/system.ts";
import { StatusCounters } from "../../agent/services/context.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./virtual-clock.ts";

const GROUPS = /^(224\.0\.0\.251$|ff02::fb)/;
const STEP_MS = 5;

/** A message that went over the segment. */
export interface Heard {
  readonly atMs: number;
  readonly family: 4 | 6;
  readonly from: string;
  /** Undefined: to the group. */
  readonly to: string | undefined;
  readonly packet: Packet;
}

/** One network that virtual hosts are on: what one socket sends all hear, a millisecond later. */
export class VirtualSegment {
  readonly heard: Heard[] = [];
  readonly clock: FakeClock;
  private readonly sockets = new Set<VirtualSocket>();

  constructor(clock: FakeClock = new FakeClock()) {
    this.clock = clock;
  }

  join(socket: VirtualSocket): void {
    this.sockets.add(socket);
  }

  leave(socket: VirtualSocket): void {
    this.sockets.delete(socket);
  }

  carry(octets: Buffer, from: RemoteInfo, family: 4 | 6, to: string): void {
    const group = GROUPS.test(to);
    const packet = decode(octets);
    const { clock, heard } = this;
    heard.push({
      atMs: clock.now(),
      family,
      from: from.address,
      to: group ? undefined : to,
      packet,
    });
    this.deliver(octets, from, family, group ? undefined : to);
  }

  /** Octets by a host that keeps no rules. */
  inject(octets: Buffer, from: Partial<RemoteInfo> = {}, family: 4 | 6 = 4): void {
    const sender = {
      address: "10.9.0.99",
      port: 5353,
      family: "IPv4" as const,
      size: octets.length,
    };
    this.deliver(octets, { ...sender, ...from }, family, undefined);
  }

  /** A message by another host of the segment. */
  say(packet: Packet, from: Partial<RemoteInfo> = {}): void {
    this.inject(encode(packet), from);
  }

  /** What was heard since the last call. */
  take(): readonly Heard[] {
    return this.heard.splice(0);
  }

  /** Lets time pass: the clock in small steps, and between them all that needs no more than promises. */
  async run(ms: number, stepMs: number = STEP_MS): Promise<void> {
    const { clock } = this;
    const endMs = clock.now() + ms;
    do {
      await setImmediate();
      clock.advance(Math.min(stepMs, endMs - clock.now()));
      await setImmediate();
    } while (clock.now() < endMs);
  }

  private deliver(octets: Buffer, from: RemoteInfo, family: 4 | 6, to: string | undefined): void {
    this.clock.after(1, () => {
      for (const socket of [...this.sockets]) {
        if (socket.family !== family || (to !== undefined && socket.own !== to)) continue;
        socket.emit("message", Buffer.from(octets), from);
      }
    });
  }
}

/** What a lane has in place of a socket of the kernel. */
export class VirtualSocket extends EventEmitter {
  readonly family: 4 | 6;
  readonly own: string;
  private readonly segment: VirtualSegment;
  private readonly zone: string;

  constructor(segment: VirtualSegment, link: Link, family: 4 | 6) {
    super();
    this.segment = segment;
    this.family = family;
    this.zone = family === 6 ? `%${link.name}` : "";
    this.own = link.addresses.find((a) => a.family === family)?.address ?? "";
  }

  bind(_port: number, _address: string, done: () => void): void {
    this.segment.join(this);
    setImmediate().then(() => {
      this.emit("listening");
      done();
    });
  }
  send(
    octets: Buffer,
    at: number,
    len: number,
    _port: number,
    address: string,
    done: (error: Error | null) => void,
  ): void {
    const size = len;
    const family = this.family === 4 ? ("IPv4" as const) : ("IPv6" as const);
    const from = { address: `${this.own}${this.zone}`, port: 5353, family, size };
    this.segment.carry(octets.subarray(at, at + len), from, this.family, address);
    done(null);
  }
  address(): { address: string; family: string; port: number } {
    return { address: this.own, family: "IPv4", port: 5353 };
  }
  close(done?: () => void): this {
    this.segment.leave(this);
    done?.();
    return this;
  }
  addMembership(): void {}
  dropMembership(): void {}
  setMulticastTTL(hops: number): number {
    return hops;
  }
  setMulticastLoopback(on: boolean): boolean {
    return on;
  }
  setMulticastInterface(): void {}
}

/** A host with interfaces on virtual segments. */
export class VirtualMdnsHost implements MdnsHost {
  readonly counters: StatusCounters = new StatusCounters();
  readonly clock: FakeClock;
  readonly random: () => number;
  private readonly on = new Map<string, VirtualSegment>();
  private current: readonly Link[] = [];

  constructor(clock: FakeClock, seed: number = 1) {
    this.clock = clock;
    const random = seededRandom(seed);
    this.random = () => random() / 2 ** 32;
  }

  readonly links = (): readonly Link[] => this.current;

  /** An interface with these addresses, "10.9.0.1/24"; without any it is gone. */
  plug(name: string, segment: VirtualSegment, ...addresses: readonly string[]): this {
    this.on.set(name, segment);
    const link: Link = {
      name,
      addresses: addresses.map((text) => {
        const [address = "", prefix = ""] = text.split("/");
        const family = address.includes(":") ? (6 as const) : (4 as const);
        return { family, address, prefixLen: Number(prefix) };
      }),
    };
    const others = this.current.filter((l) => l.name !== name);
    this.current = addresses.length === 0 ? others : [...others, link];
    return this;
  }

  readonly openLane: MdnsHost["openLane"] = (link, family, handlers) => {
    const segment = this.on.get(link.name);
    if (!segment) throw new Error(`${link.name} is on no segment`);
    return openLane(link, family, handlers, {
      counters: this.counters,
      clock: this.clock,
      openSocket: () => new VirtualSocket(segment, link, family) as unknown as MulticastSocket,
    });
  };
}

/** "PTR rack7._pilotlight._tcp.local" of each, goodbyes with "-" in front. */
export function namesOf(records: readonly Answer[] | undefined): readonly string[] {
  return (records ?? []).map((r) => {
    const gone = "ttl" in r && r.ttl === 0 ? "-" : "";
    return `${gone}${r.type} ${r.name}`;
  });
}

/** A responder on every interface of a host, until the test ends; `renamed` collects its new names. */
export function virtualResponder(
  host: VirtualMdnsHost,
  segment: VirtualSegment,
  service: Service,
  renamed: string[] = [],
): Responder {
  const responder = new Responder(service, {
    ...host,
    interfaces: () => undefined,
    renamed: (instance) => renamed.push(instance),
    failed: () => undefined,
  });
  onTestFinished(async () => {
    const stopped = responder.stop();
    await segment.run(10);
    await stopped;
  });
  responder.start();
  return responder;
}
