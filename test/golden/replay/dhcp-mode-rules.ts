import { ArpView } from "../../../protocols/arp/packet.ts";
import { DhcpMessageType, messageTypeName } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { optionCodes, optionHex } from "../../support/dhcp-frames.ts";
import { ip } from "../../support/test-site.ts";
import { Asked } from "./dhcp-asked.ts";
import type { DhcpReplay, SentReply } from "./dhcp-replay.ts";
import { faultsOf, readReply } from "./dhcp-rules.ts";

const { Discover, Offer, Request, Decline, Ack, Nak, Release, Inform } = DhcpMessageType;
/** What a proxy offer must not say: the other server's affair. 43 would be a menu, and no site asks for one. */
const NOT_OF_A_PROXY: readonly number[] = [1, 3, 6, 17, 28, 43, 51, 58, 59];
/** The item that the recorded proxy's menu had. */
const FOREIGN_ITEM = "47048001";
const SILENCE = -1;

/**
 * What is wrong with the answers of a replay: one line each, "frame 8: has 299 octets".
 *
 * Each question has exactly the reply that its mode says, and an address is the same for a card throughout, by RARP and DHCP.
 */
export function brokenRules(replay: DhcpReplay): readonly string[] {
  const { exchanges, sent, site } = replay;
  const found: string[] = [];
  const given = new Map<string, string>();
  const frames = new Set(exchanges.map(({ request }) => request.frame));
  for (const { frame } of sent) {
    if (!frames.has(frame)) found.push(`frame ${frame}: asks nothing and is answered`);
  }
  for (const exchange of exchanges) {
    const asked = new Asked(exchange);
    const replies = sent.filter(({ frame }) => frame === asked.frame);
    const faults = countFaults(replay, asked, replies);
    for (const reply of replies) {
      if (!asked.isRarp) faults.push(...faultsOf(asked, reply, site.server));
      faults.push(...addressFaults(replay, asked, reply, given));
    }
    found.push(...faults.map((words) => `frame ${asked.frame}: ${words}`));
  }
  return found;
}

/** That there is one reply, or none, and of which type. */
function countFaults(replay: DhcpReplay, asked: Asked, replies: readonly SentReply[]): string[] {
  const expected = expectedType(replay, asked);
  if (asked.isRarp) return replies.length === 1 ? [] : [`RARP, ${replies.length} replies`];
  const types = replies.map((reply) => readReply(reply)?.messageType ?? SILENCE);
  const want = expected === SILENCE ? [] : [expected];
  if (String(types) === String(want)) return [];
  const words = types.map(messageTypeName).join(", ");
  return [`${messageTypeName(asked.type)} is answered by ${words === "" ? "silence" : words}`];
}

/** Option 53 of the reply; 0: BOOTP. */
function expectedType({ mode }: DhcpReplay, asked: Asked): number {
  if (asked.type === Release || asked.type === Decline) return SILENCE;
  if (mode === "proxy") {
    if (asked.boots) return asked.option(43).startsWith(FOREIGN_ITEM) ? SILENCE : Ack;
    return asked.usesTwoServers ? Offer : SILENCE;
  }
  if (asked.type === Discover) return Offer;
  // dhcping asks for an address that no server gave it.
  if (asked.type === Request) return asked.recorded === Nak ? Nak : Ack;
  return asked.type === Inform ? Ack : 0;
}

function addressFaults(
  replay: DhcpReplay,
  asked: Asked,
  reply: SentReply,
  given: Map<string, string>,
): string[] {
  const { mode, site } = replay;
  const view = asked.isRarp ? undefined : readReply(reply);
  if (!view && !asked.isRarp) return [];
  const address = view ? formatIpv4(view.yiaddr) : rarpAddress(reply);
  if (view && mode === "proxy") return proxyFaults(asked, view);
  if (view && (view.messageType === Nak || asked.type === Inform)) {
    return address === "0.0.0.0" ? [] : [`is given ${address}`];
  }
  if (mode !== "pool") {
    const reserved = reservations(site.text).get(asked.card);
    return address === reserved ? [] : [`is given ${address}, not ${reserved}`];
  }
  const [first, last] = site.pool;
  const before = given.get(asked.card) ?? address;
  const others = [...given].filter(([card]) => card !== asked.card).map(([, its]) => its);
  given.set(asked.card, address);
  const faults: string[] = [];
  if (ip(address) < ip(first) || ip(address) > ip(last)) faults.push(`${address} is of no pool`);
  if (address !== before) faults.push(`is given ${address}, and ${before} before`);
  if (others.includes(address)) faults.push(`${address} is another's`);
  return faults;
}

function proxyFaults(asked: Asked, view: DhcpView): string[] {
  const faults: string[] = [];
  const codes = optionCodes(view);
  const wrong = codes.filter((code) => NOT_OF_A_PROXY.includes(code));
  const names = asked.text(60).startsWith("HTTPClient") ? "HTTPClient" : "PXEClient";
  if (view.yiaddr !== 0) faults.push(`gives ${formatIpv4(view.yiaddr)}, and is a proxy`);
  if (wrong.length > 0) faults.push(`has options ${wrong.join(", ")}, and is a proxy`);
  if (view.optionText(60) !== names) faults.push(`calls itself ${view.optionText(60)}`);
  if (names === "PXEClient" && optionHex(view, 97) !== asked.option(97)) {
    faults.push("has another option 97");
  }
  if (view.fileText() === "" || view.optionText(67) !== view.fileText()) {
    faults.push("does not say what to boot");
  }
  return faults;
}

function rarpAddress({ octets }: SentReply): string {
  const arp = new ArpView();
  return arp.reset(new Octets(octets), 0, octets.length) === 0 ? formatIpv4(arp.tpa) : "";
}

/** Addresses of a site's machines by card. */
export function reservations(site: string): ReadonlyMap<string, string> {
  const machines = site.matchAll(/mac: "([\d:a-f]+)", ip: ([\d.]+)/g);
  return new Map([...machines].map(([, mac = "", address = ""]) => [mac, address]));
}
