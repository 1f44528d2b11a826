import { CaptureReader } from "../../../agent/capture/capture-reader.ts";
import { CapturedFrame, LinkType } from "../../../agent/capture/captured-frame.ts";
import { Dissector } from "../../../agent/capture/dissector.ts";
import { messageJson } from "../../../agent/capture/message.ts";
import { messageText } from "../../../agent/capture/message-text.ts";
import { AgentError } from "../../../agent/errors.ts";
import { IcmpView } from "../../../protocols/icmp/message.ts";
import { emitIpv4, Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { Ipv4Reassembler, Reassembled } from "../../../protocols/ipv4/reassembly.ts";
import { Ipv6View } from "../../../protocols/ipv6/packet.ts";
import { foldChecksum, sum16 } from "../../../protocols/wire/checksum.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, joined, type Target, words } from "../engine/target.ts";
import { mendIpv4 } from "./link.ts";

const icmpView = new IcmpView();
const ipv6View = new Ipv6View();

/** ICMP messages, with the packets that errors repeat. */
export const icmp: Target = {
  name: "icmp",
  sources: ["/protocols/icmp/"],
  maxLen: 256,
  dictionary: [ascii("\x03\x03"), ascii("\x45\0\0\x1c"), words(0x0a00_0001)],
  seeds: [
    joined(ascii("\x03\x03\0\0\0\0\0\0\x45\0\0\x1c"), words(0, 0x4011_0000, 1, 2, 0x0043_0044, 0)),
  ],
  mend(u8) {
    if (u8.length < 8) return;
    const o = new Octets(u8);
    o.dv.setUint16(2, 0);
    o.dv.setUint16(2, foldChecksum(sum16(o, 0, u8.length, 0)));
  },
  run(o, at, len, t) {
    const status = icmpView.reset(o, at, len);
    t.add(status);
    if (status === Status.Ok) t.view(icmpView);
  },
};

/** IPv6 packets and their extension headers. */
export const ipv6: Target = {
  name: "ipv6",
  sources: ["/protocols/ipv6/"],
  maxLen: 512,
  dictionary: [
    ascii("\x3a\0"),
    ascii("\x2c\0\0\0"),
    ascii("\x33\x04"),
    ascii("\x3c\x01"),
    ascii("\x11"),
  ],
  seeds: [
    joined(
      words(0x6000_0000, 0x0010_0040),
      new Uint8Array(32),
      ascii("\x3c\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0"),
    ),
  ],
  run(o, at, len, t) {
    const status = ipv6View.reset(o, at, len);
    t.add(status);
    if (status === Status.Ok) {
      t.view(ipv6View);
      t.check(ipv6View.missing === 0, "octets are missing after Ok");
    }
    const cut = ipv6View.resetCut(o, at, len);
    t.add(cut);
    if (cut === Status.Ok) t.view(ipv6View);
    t.check(status !== Status.Ok || cut === Status.Ok, "resetCut refuses what reset takes");
  },
};

const STEP_LEN = 4;
const PACKETS = 4;
const fragment = new Ipv4View();
const made = Octets.alloc(4_096);

/** Fragments of up to four packets: the input says, four octets a fragment, of which, from where to where, and if it is the last. */
export const reassembly: Target = {
  name: "ipv4-reassembly",
  sources: ["/protocols/ipv4/reassembly"],
  maxLen: 256,
  dictionary: [
    ascii("\x04\0\0\x02"),
    ascii("\0\0\x02\x02"),
    ascii("\0\x1f\xff\x01"),
    ascii("\x04\x1f\xfd\x08"),
  ],
  seeds: [ascii("\x04\0\0\x02\x00\0\x02\x01"), ascii("\x04\0\x02\x02\x00\0\x04\x01\x04\0\0\x02")],
  run(o, at, len, t) {
    const r = new Ipv4Reassembler({ packets: PACKETS });
    // What has come of each packet: the number of the fragment whose octet came first.
    const came = Array.from({ length: PACKETS }, () => new Map<number, number>());
    for (let p = at, k = 1; p + STEP_LEN <= at + len; p += STEP_LEN, k++) {
      const flags = o.u8[p] ?? 0;
      const id = flags & 3;
      const more = (flags & 4) !== 0;
      const unit = o.dv.getUint16(p + 1) & 0x1fff;
      const size = more ? (o.u8[p + 3] ?? 0) * 8 : (flags >> 3) + (o.u8[p + 3] ?? 0) * 4;
      made.u8.fill(k, 20, 20 + size);
      emitIpv4({ src: 1, dst: 2, protocol: 17, id }, size, made, 0);
      made.dv.setUint16(6, (more ? 0x2000 : 0) | unit);
      mendIpv4(made.u8);
      if (fragment.reset(made, 0, 20 + size) !== Status.Ok) continue;
      const outcome = r.add(fragment, made, 0);
      t.add(outcome);
      if (outcome === Reassembled.Refused) continue;
      const packet = came[id] ?? new Map();
      for (let x = unit * 8; x < unit * 8 + size; x++) if (!packet.has(x)) packet.set(x, k);
      if (outcome !== Reassembled.Complete) continue;
      t.check(r.len === packet.size, "the length is not that of what came");
      for (let x = 0; x < r.len; x++) {
        t.check(r.octets.u8[r.at + x] === packet.get(x), "an octet is not the one that came first");
      }
      packet.clear();
    }
    t.check(r.abandoned === 0, "gives up a packet for which there is room");
  },
  limits: { allocatedOctets: PACKETS * 80 * 1024, ms: 200 },
};

const LINKS: readonly number[] = [LinkType.Ethernet, ...Object.values(LinkType), 4_711];
const FRAME_HEADER_LEN = 3;

/** Frames as a capture gives them: kind of link and length in front of each. What is shown must be in the frames. */
export const dissector: Target = {
  name: "dissector",
  sources: ["/agent/capture/"],
  maxLen: 3_000,
  dictionary: [
    words(0x6382_5363),
    ascii("\0\0\x2a"),
    ascii("\x08\0\x45\0"),
    ascii("\x86\xdd\x60"),
    ascii("\x81\0\0\x01"),
    words(100_003, 2),
    words(0x8000_0028),
    ascii("\x08\x01\0\x6f"),
    ascii("\0\x45"),
    ascii("\x14\xe9"),
  ],
  mend(u8) {
    for (let p = 0; p + FRAME_HEADER_LEN <= u8.length; ) {
      const size = Math.min(
        ((u8[p + 1] ?? 0) << 8) | (u8[p + 2] ?? 0),
        u8.length - p - FRAME_HEADER_LEN,
      );
      const ip = p + FRAME_HEADER_LEN + 14;
      const end = p + FRAME_HEADER_LEN + size;
      if (u8[ip - 2] === 8 && u8[ip - 1] === 0 && ip + 20 <= end) mendIpv4(u8.subarray(ip, end));
      p = end;
    }
  },
  run(o, at, len, t) {
    let messages = 0;
    const d = new Dissector(
      (message) => {
        messages += 1;
        t.add(messageJson(message), messageText(message));
      },
      { octets: true },
    );
    const frame = new CapturedFrame();
    for (let p = at; p + FRAME_HEADER_LEN <= at + len; ) {
      const kind = o.u8[p] ?? 0;
      const size = Math.min(o.dv.getUint16(p + 1), at + len - p - FRAME_HEADER_LEN);
      frame.number += 1;
      frame.octets = o;
      frame.at = p + FRAME_HEADER_LEN;
      frame.len = size;
      frame.originalLen = kind & 0x80 ? size + 100 : size;
      frame.linkType = LINKS[(kind & 0x7f) % LINKS.length] ?? 0;
      frame.seconds = 1_700_000_000 + frame.number;
      const before = messages;
      d.frame(frame);
      t.check(messages > before, "says nothing of a frame");
      t.check(messages - before <= size + 1, "says more than there are octets");
      p += FRAME_HEADER_LEN + size;
    }
  },
  limits: { guarded: false, allocatedOctets: 8 * 1024 * 1024, ms: 300 },
};

/** Capture files of both kinds: what is in them does not depend on the pieces that they come in. */
export const captureFile: Target = {
  name: "capture-file",
  sources: ["/agent/capture/capture-reader", "/agent/capture/pcap", "/agent/capture/input-window"],
  maxLen: 2_048,
  dictionary: [
    words(0xa1b2_c3d4),
    words(0xd4c3_b2a1),
    words(0xa1b2_3c4d),
    words(0x0a0d_0d0a, 28, 0x1a2b_3c4d),
    words(0x0a0d_0d0a, 0x1c00_0000, 0x4d3c_2b1a),
    words(1, 20, 0x0001_0000, 0, 20),
    words(6, 36),
    words(3, 20),
  ],
  seeds: [
    joined(words(0xa1b2_c3d4, 0x0002_0004, 0, 0, 65_535, 1, 1, 2, 4, 4), ascii("data")),
    joined(
      words(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0001_0000, 0xffff_ffff, 0xffff_ffff, 28),
      words(1, 20, 0x0001_0000, 0, 20, 6, 36, 0, 0, 0, 4, 4),
      ascii("data"),
      words(36, 3, 20, 4),
      ascii("data"),
      words(20),
    ),
  ],
  run(o, at, len, t) {
    const file = Uint8Array.from(o.u8.subarray(at, at + len));
    const whole = framesOf(file, file.length || 1);
    t.add(...whole);
    for (const piece of [1, 7, 64]) {
      t.check(framesOf(file, piece).join() === whole.join(), "depends on the pieces");
    }
  },
  limits: { guarded: false, inPlace: false, allocatedOctets: 8 * 1024 * 1024, ms: 300 },
};

function framesOf(file: Uint8Array, piece: number): readonly string[] {
  const reader = new CaptureReader();
  const seen: string[] = [];
  const take = (): void => {
    for (let f = reader.next(); f; f = reader.next()) {
      if (seen.length > file.length) throw new Error("more frames than octets");
      const octets = f.octets.u8.subarray(f.at, f.at + f.len).join(".");
      seen.push(`${f.number} ${f.linkType} ${f.originalLen} ${f.timeText()} ${octets}`);
    }
  };
  try {
    for (let p = 0; p < file.length; p += piece) {
      reader.feed(file.subarray(p, p + piece));
      take();
    }
    reader.end();
    take();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    seen.push(`${error.code} ${error.message}`);
  }
  return seen;
}
