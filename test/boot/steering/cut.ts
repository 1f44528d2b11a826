/** A frame of the LAN, and when it was seen, ms since 1970. */
export interface TimedFrame {
  readonly octets: Uint8Array;
  readonly timeMs: number;
}

const ETHER_TYPE = 12;
const PAYLOAD = 14;
const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const IPV6_HEADER_LEN = 40;
const TCP = 6;
const UDP = 17;
const UDP_HEADER_LEN = 8;
const MDNS_PORT = 5353;
const DHCP_PORT = 67;
const SYN = 2;
/** Without offloading a frame of Ethernet is not longer. A virtual wire carries up to 64 KiB in one. */
const MAX_FRAME_LEN = 1_514;
/** What is kept of the beginning of a connection: segments, and segments with data. */
const HANDSHAKE = 3;
const FIRST_DATA = 2;
/** Connections of one kind that are kept: the first. */
const ALIKE = 1;
/** How often the same message of the same host is kept. */
const REPEATS = 2;

/**
 * What of a trace is worth keeping: ARP, DHCP and mDNS, of what a host repeats word for word the first two times; and of
 * connections the handshake, the first segments with data, and the last segment of each side. Connections that are like earlier
 * ones or silent are left out, so are frames that no real wire would carry, and who is in which multicast group.
 */
export function cut(frames: readonly TimedFrame[]): readonly TimedFrame[] {
  const kept = new Set<TimedFrame>();
  const said = new Map<string, number>();
  const connections = new Map<string, Connection>();
  for (const frame of frames) {
    const packet = packetOf(frame.octets);
    if (!packet) continue;
    if (packet.kind === "tcp") follow(connections, packet, frame);
    else if (count(said, packet.says) <= REPEATS) kept.add(frame);
  }
  const alike = new Map<string, number>();
  for (const connection of connections.values()) {
    if (connection.speaks === undefined) continue;
    if (count(alike, `${connection.between} ${connection.speaks}`) > ALIKE) continue;
    for (const frame of [...connection.first, ...connection.last.values()]) kept.add(frame);
  }
  return frames.filter((frame) => kept.has(frame) && frame.octets.length <= MAX_FRAME_LEN);
}

/** How often `what` was counted, this time included. */
function count(counts: Map<string, number>, what: string): number {
  const times = (counts.get(what) ?? 0) + 1;
  counts.set(what, times);
  return times;
}

interface Connection {
  readonly between: string;
  /** The first octet that was said: TLS begins with another one than HTTP. */
  speaks: number | undefined;
  segments: number;
  data: number;
  readonly first: TimedFrame[];
  /** By who sent it. */
  readonly last: Map<string, TimedFrame>;
}

function follow(connections: Map<string, Connection>, packet: Segment, frame: TimedFrame): void {
  const { key, between, from, isFirst, says } = packet;
  let connection = connections.get(key);
  if (isFirst) {
    connection = { between, speaks: undefined, segments: 0, data: 0, first: [], last: new Map() };
    connections.set(key, connection);
  }
  if (!connection) return;
  connection.segments += 1;
  if (says !== undefined) connection.data += 1;
  connection.speaks ??= says;
  const isHandshake = connection.segments <= HANDSHAKE;
  if (isHandshake || (says !== undefined && connection.data <= FIRST_DATA)) {
    connection.first.push(frame);
  }
  connection.last.set(from, frame);
}

interface Message {
  readonly kind: "message";
  /** Sender and octets. */
  readonly says: string;
}

interface Segment {
  readonly kind: "tcp";
  /** The same both ways. */
  readonly key: string;
  /** Who asks what kind of server. */
  readonly between: string;
  readonly from: string;
  readonly isFirst: boolean;
  /** The first octet of its data. */
  readonly says: number | undefined;
}

function packetOf(octets: Uint8Array): Segment | Message | undefined {
  const dv = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const type = dv.getUint16(ETHER_TYPE);
  if (type === ARP) return { kind: "message", says: text(dv, PAYLOAD, octets.length) };
  const ip = ipOf(dv, type);
  if (!ip) return undefined;
  const { at, protocol } = ip;
  const [src, dst] = [dv.getUint16(at), dv.getUint16(at + 2)];
  if (protocol === UDP) {
    const ports = [src, dst];
    if (!ports.includes(MDNS_PORT) && !ports.includes(DHCP_PORT)) return undefined;
    return { kind: "message", says: `${ip.src} ${text(dv, at + UDP_HEADER_LEN, ip.end)}` };
  }
  if (protocol !== TCP) return undefined;
  const flags = dv.getUint8(at + 13);
  const dataAt = at + (dv.getUint8(at + 12) >> 4) * 4;
  const from = `${ip.src} ${src}`;
  return {
    key: [from, `${ip.dst} ${dst}`].sort().join(" "),
    kind: "tcp",
    between: `${ip.src} ${dst}`,
    from,
    isFirst: flags === SYN,
    says: dataAt < ip.end ? dv.getUint8(dataAt) : undefined,
  };
}

interface Ip {
  readonly protocol: number;
  readonly src: string;
  readonly dst: string;
  /** Where what it carries begins and ends. */
  readonly at: number;
  readonly end: number;
}

function ipOf(dv: DataView, type: number): Ip | undefined {
  if (type === IPV4) {
    const at = PAYLOAD + (dv.getUint8(PAYLOAD) & 0xf) * 4;
    const end = PAYLOAD + dv.getUint16(PAYLOAD + 2);
    return {
      protocol: dv.getUint8(PAYLOAD + 9),
      src: text(dv, 26, 30),
      dst: text(dv, 30, 34),
      at,
      end,
    };
  }
  if (type !== IPV6) return undefined;
  const at = PAYLOAD + IPV6_HEADER_LEN;
  const end = at + dv.getUint16(PAYLOAD + 4);
  return {
    protocol: dv.getUint8(PAYLOAD + 6),
    src: text(dv, 22, 38),
    dst: text(dv, 38, 54),
    at,
    end,
  };
}

function text(dv: DataView, from: number, to: number): string {
  return Buffer.from(dv.buffer, dv.byteOffset + from, to - from).toString("hex");
}
