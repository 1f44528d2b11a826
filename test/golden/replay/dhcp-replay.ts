import { createReadStream, readFileSync } from "node:fs";
import { captureFrames } from "../../../agent/capture/capture-reader.ts";
import type { CapturedFrame } from "../../../agent/capture/captured-frame.ts";
import type { Exchange } from "../../../agent/replay/exchange.ts";
import { type PacketKind, PacketReader } from "../../../agent/replay/packet.ts";
import {
  DHCP_CLIENT_PORT,
  DHCP_SERVER_PORT,
  PXE_BOOT_SERVER_PORT,
} from "../../../protocols/dhcp/options.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { formatMac } from "../../../protocols/wire/mac-address.ts";
import { ip } from "../../support/test-site.ts";
import { captureNames, capturePath } from "../captures.ts";
import { type Mode, type ModeSite, siteFor } from "./dhcp-modes.ts";
import { replayOctets, shortSite } from "./rack.ts";

const PORTS: readonly number[] = [DHCP_SERVER_PORT, DHCP_CLIENT_PORT, PXE_BOOT_SERVER_PORT];

/** A DHCP message or a RARP packet that our agent would have sent. */
export interface SentReply {
  /** Number of the frame that drew it. */
  readonly frame: number;
  readonly kind: PacketKind;
  /** Hardware address that it goes to; "": the kernel finds it. */
  readonly card: string;
  /** "192.168.77.21:68"; of RARP "". */
  readonly to: string;
  readonly srcPort: number;
  /** The message itself. */
  readonly octets: Uint8Array;
}

/** What became of a capture's questions for addresses in one mode. */
export interface DhcpReplay {
  readonly capture: string;
  readonly mode: Mode;
  readonly site: ModeSite;
  readonly exchanges: readonly Exchange[];
  readonly sent: readonly SentReply[];
}

/** Names of the captures in which somebody asks for an address, or for what to boot, by RARP, BOOTP or DHCP. */
export async function askingCaptures(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of captureNames()) if (await asks(name)) found.push(name);
  return found;
}

async function asks(name: string): Promise<boolean> {
  const packet = new PacketReader();
  for await (const frame of captureFrames(createReadStream(capturePath(name)))) {
    packet.read(frame);
    if (isAboutAddresses(packet)) return true;
  }
  return false;
}

/** Replays all of a capture against its site in a mode, and keeps what is about addresses. `octets`: another capture in its place. */
export async function replayDhcp(
  capture: string,
  mode: Mode,
  octets: Uint8Array = readFileSync(capturePath(capture)),
): Promise<DhcpReplay> {
  const site = siteFor(capture, mode);
  const sent: SentReply[] = [];
  const packet = new PacketReader();
  const take = (frame: CapturedFrame): void => {
    packet.read(frame);
    if (isAboutAddresses(packet)) sent.push(reply(frame, packet));
  };
  const servers = [ip(site.server)];
  const { exchanges } = await replayOctets(octets, shortSite(site.text), servers, take);
  const kept = exchanges.filter(({ request }) => ["dhcp", "rarp"].includes(request.protocol));
  return { capture, mode, site, exchanges: kept, sent };
}

function isAboutAddresses({ kind, srcPort, dstPort }: PacketReader): boolean {
  if (kind === "udp") return PORTS.includes(srcPort) && PORTS.includes(dstPort);
  return kind === "rarp";
}

function reply(
  { number, octets: o, at, linkType }: CapturedFrame,
  packet: PacketReader,
): SentReply {
  const { kind, dst, dstPort, srcPort, octets, at: from, len } = packet;
  const card = linkType === 1 ? formatMac(o.u8.subarray(at, at + 6)) : "";
  return {
    frame: number,
    kind,
    card,
    to: kind === "udp" ? `${formatIpv4(dst)}:${dstPort}` : "",
    srcPort,
    octets: Uint8Array.from(octets.u8.subarray(from, from + len)),
  };
}
