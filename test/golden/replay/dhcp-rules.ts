import { DhcpMessageType } from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { macText } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { optionCodes, optionHex } from "../../support/dhcp-frames.ts";
import type { Asked } from "./dhcp-asked.ts";
import type { SentReply } from "./dhcp-replay.ts";

const BROADCAST_FLAG = 0x8000;
const EVERYBODY = "ff:ff:ff:ff:ff:ff";
const OPTIONS_AT = 240;
const END = 255;
/** IPv4 and UDP headers, which option 57 counts. */
const HEADERS_LEN = 28;

/** Octets that every client accepts, and that no client takes for too few. */
const SHORTEST = 300;
const USUAL_LIMIT = 576;
const FRAME_LIMIT = 1_472;

/** A DHCP message that was sent, read; undefined when it cannot be. */
export function readReply({ octets }: SentReply): DhcpView | undefined {
  const view = new DhcpView();
  return view.reset(new Octets(octets), 0, octets.length) === 0 ? view : undefined;
}

/** What is wrong with a reply as such, whatever the mode: one line each. */
export function faultsOf(asked: Asked, sent: SentReply, server: string): string[] {
  const view = readReply(sent);
  if (!view) return ["cannot be read"];
  const faults: string[] = [];
  const expect = (isSo: boolean, words: string): void => {
    if (!isSo) faults.push(words);
  };
  const { octets } = sent;
  const codes = optionCodes(view);
  expect(view.op === 2, "is no reply");
  expect(view.xid === asked.number("xid"), `has xid ${view.xid}`);
  expect(macText(new Octets(octets), view.chaddrAt) === asked.card, "names another card");
  expect(octets.length >= SHORTEST, `has ${octets.length} octets`);
  expect(octets.length <= limitOf(asked), `has ${octets.length} octets, more than it takes`);
  expect(isTidy(octets), "has pads, or octets after its end");
  expect(!codes.includes(82) || codes.at(-1) === 82, "has options after 82");
  expect(optionHex(view, 82) === asked.option(82), "has another option 82");
  if (asked.type === 0) {
    expect(!codes.includes(53), "has option 53, and BOOTP was spoken");
    expect(octets.length === SHORTEST, `has ${octets.length} octets, and BOOTP was spoken`);
  } else {
    expect(codes[0] === 53 && codes[1] === 54, `begins with ${codes.slice(0, 2).join(", ")}`);
    expect(formatIpv4(view.optionIpv4(54)) === server, "names another server");
    expect(optionHex(view, 61) === asked.option(61), "has another option 61");
  }
  faults.push(...routeFaults(asked, sent, view));
  return faults;
}

/** RFC 2131 section 4.1: to the relay, to the address that it has, to everybody if it asks for that, else to its card. */
function routeFaults(asked: Asked, sent: SentReply, view: DhcpView): string[] {
  const toCard = view.yiaddr !== 0 && !(asked.number("flags") & BROADCAST_FLAG);
  const isNak = view.messageType === DhcpMessageType.Nak;
  const giaddr = asked.address("giaddr");
  const ciaddr = asked.address("ciaddr");
  let to = toCard ? `${formatIpv4(view.yiaddr)}:68` : "255.255.255.255:68";
  let card = toCard ? asked.card : EVERYBODY;
  if (isNak) [to, card] = ["255.255.255.255:68", EVERYBODY];
  else if (ciaddr !== "") [to, card] = [`${ciaddr}:68`, asked.card];
  if (giaddr !== "") [to, card] = [`${giaddr}:67`, ""];
  if (asked.boots) [to, card] = [asked.from, ""];
  const port = asked.boots ? 4011 : 67;
  const faults: string[] = [];
  if (sent.to !== to || sent.card !== card) faults.push(`goes to ${sent.card} ${sent.to}`);
  if (sent.srcPort !== port) faults.push(`comes from port ${sent.srcPort}`);
  return faults;
}

function limitOf(asked: Asked): number {
  if (asked.type === 0) return SHORTEST;
  const size = Number.parseInt(asked.option(57) || "0", 16);
  return Math.min(Math.max(size, USUAL_LIMIT) - HEADERS_LEN, FRAME_LIMIT);
}

/** OpenBSD's libsa knows no pads; after the end there are zeros only. */
function isTidy(octets: Uint8Array): boolean {
  let at = OPTIONS_AT;
  while (at < octets.length && octets[at] !== END) {
    if (octets[at] === 0) return false;
    at += 2 + (octets[at + 1] ?? 0);
  }
  return octets[at] === END && octets.subarray(at + 1).every((octet) => octet === 0);
}
