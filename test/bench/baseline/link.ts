// How a Node user writes the headers below UDP, for which the packages have decoders only: a fresh Buffer for each header,
// addresses as text, as those decoders give them.

/** Octets of "52:54:00:77:00:01". */
export function macOctets(text: string): Buffer {
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

/** Octets of "192.168.77.1". */
export function ipv4Octets(text: string): Buffer {
  return Buffer.from(text.split(".").map(Number));
}

export function encodeEthernet(dst: string, src: string, etherType: number): Buffer {
  const b = Buffer.alloc(14);
  macOctets(dst).copy(b, 0);
  macOctets(src).copy(b, 6);
  b.writeUInt16BE(etherType, 12);
  return b;
}

export function encodeArp(op: number, sha: string, spa: string, tha: string, tpa: string): Buffer {
  const b = Buffer.alloc(28);
  b.writeUInt16BE(1, 0);
  b.writeUInt16BE(0x0800, 2);
  b.writeUInt8(6, 4);
  b.writeUInt8(4, 5);
  b.writeUInt16BE(op, 6);
  macOctets(sha).copy(b, 8);
  ipv4Octets(spa).copy(b, 14);
  macOctets(tha).copy(b, 18);
  ipv4Octets(tpa).copy(b, 24);
  return b;
}

export function checksum(parts: readonly Buffer[]): number {
  let sum = 0;
  for (const b of parts) {
    for (let i = 0; i + 1 < b.length; i += 2) sum += b.readUInt16BE(i);
    if (b.length % 2 === 1) sum += (b[b.length - 1] ?? 0) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function encodeIpv4(src: string, dst: string, protocol: number, payload: Buffer): Buffer {
  const b = Buffer.alloc(20);
  b.writeUInt8(0x45, 0);
  b.writeUInt16BE(20 + payload.length, 2);
  b.writeUInt8(64, 8);
  b.writeUInt8(protocol, 9);
  ipv4Octets(src).copy(b, 12);
  ipv4Octets(dst).copy(b, 16);
  b.writeUInt16BE(checksum([b]), 10);
  return Buffer.concat([b, payload]);
}

function pseudoHeader(src: string, dst: string, protocol: number, length: number): Buffer {
  const b = Buffer.alloc(12);
  ipv4Octets(src).copy(b, 0);
  ipv4Octets(dst).copy(b, 4);
  b.writeUInt8(protocol, 9);
  b.writeUInt16BE(length, 10);
  return b;
}

export function encodeUdp(
  ports: { readonly src: number; readonly dst: number },
  src: string,
  dst: string,
  payload: Buffer,
): Buffer {
  const b = Buffer.alloc(8 + payload.length);
  b.writeUInt16BE(ports.src, 0);
  b.writeUInt16BE(ports.dst, 2);
  b.writeUInt16BE(b.length, 4);
  payload.copy(b, 8);
  b.writeUInt16BE(checksum([pseudoHeader(src, dst, 17, b.length), b]), 6);
  return b;
}

export function encodeTcp(
  segment: {
    readonly srcPort: number;
    readonly dstPort: number;
    readonly seq: number;
    readonly ack: number;
    readonly flags: number;
    readonly window: number;
  },
  src: string,
  dst: string,
  payload: Buffer,
): Buffer {
  const b = Buffer.alloc(20 + payload.length);
  b.writeUInt16BE(segment.srcPort, 0);
  b.writeUInt16BE(segment.dstPort, 2);
  b.writeUInt32BE(segment.seq, 4);
  b.writeUInt32BE(segment.ack, 8);
  b.writeUInt16BE(0x5000 | segment.flags, 12);
  b.writeUInt16BE(segment.window, 14);
  payload.copy(b, 20);
  b.writeUInt16BE(checksum([pseudoHeader(src, dst, 6, b.length), b]), 16);
  return b;
}
