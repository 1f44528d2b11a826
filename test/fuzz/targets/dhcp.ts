import { IpxeFeature, IpxeView } from "../../../protocols/dhcp/ipxe.ts";
import { DHCP_LIMITS, DhcpWriter, replyLimit } from "../../../protocols/dhcp/message.ts";
import { OptionFraming, OptionWalker } from "../../../protocols/dhcp/option-walker.ts";
import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { PxeVendorView } from "../../../protocols/dhcp/pxe.ts";
import { echoRelayAgent, RelayAgentView } from "../../../protocols/dhcp/relay-agent.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, type Target, words } from "../engine/target.ts";
import type { Trace } from "../engine/trace.ts";

const COOKIE = words(0x6382_5363);
/** Options whose value is read as a whole: one walk each. */
const TEXTS: readonly number[] = [12, 17, 43, 52, 60, 67, 77, 82, 175, 255];
const JOINED: readonly number[] = [43, 55, 77, 82, 175];
const WANTED: readonly number[] = [1, 43, 66, 128, 0, 255];

const view = new DhcpView();
const echo = new DhcpView();
const pxe = new PxeVendorView();
const relay = new RelayAgentView();
const ipxe = new IpxeView();
const walker = new OptionWalker();
const writer = new DhcpWriter();
const joined = Octets.alloc(2_048);
const scratch = Octets.alloc(2_048);
const out = Octets.alloc(2_048);

/** BOOTP and DHCP messages, everything that options can hold, and the writer, which is to give back what was read. */
export const dhcp: Target = {
  name: "dhcp",
  sources: ["/protocols/dhcp/"],
  maxLen: 1_472,
  dictionary: [
    COOKIE,
    ascii("\x35\x01\x01"),
    ascii("\x34\x01\x01"),
    ascii("\x34\x01\x03"),
    ascii("\x37\x04\x01\x03\x2b\x3c"),
    ascii("\x3c\x20PXEClient:Arch:00000:UNDI:002001"),
    ascii("\x39\x02\x02\x40"),
    ascii("\x52\x06\x01\x04port"),
    ascii("\x2b\x05\x06\x01\x08\xff"),
    ascii("\xaf\x06\xeb\x03\x01\x00\x00\xff"),
    ascii("\x43\x04boot"),
    ascii("\xff"),
    ascii("\0\0\0\0"),
  ],
  run(o, at, len, t) {
    const status = view.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(view);
    t.add(view.fileText(), view.snameText(), replyLimit(view, 1_472));
    for (const code of TEXTS) t.add(view.optionText(code), view.optionU32(code, -1));
    for (const code of WANTED) t.add(view.parameterListContains(code));
    for (let code = 0; code < 256; code++) {
      const len = view.optionLen(code);
      if (len > 0) t.range("option", view.optionAt(code), len);
      t.add(view.optionU8(code, -1), view.optionU16(code, -1), view.optionIpv4(code));
    }
    view.forEachOption((code, valueAt, valueLen) => {
      t.add(code);
      t.range("value", valueAt, valueLen);
    });
    for (const code of JOINED) readJoined(code, t);
    writeBack(o, t);
  },
  limits: { readsPerOctet: 512 },
};

function readJoined(code: number, t: Trace): void {
  const len = view.optionJoined(code, joined);
  t.add(len);
  if (len < 0) return;
  let sum = 0;
  for (let i = 0; i < len; i++) sum = (Math.imul(sum, 31) + (joined.u8[i] ?? 0)) | 0;
  t.add(sum);
}

/** Copies all options into a reply: what the writer says it took must be in it. */
function writeBack(o: Octets, t: Trace): void {
  out.u8.fill(0xa5);
  const { op, xid, chaddrAt, hlen } = view;
  t.check(
    writer.begin({ op, xid, hlen, chaddr: { o, at: chaddrAt } }, out, 0, DHCP_LIMITS),
    "a reply without names has names that are too long",
  );
  const taken = new Map<number, number>();
  view.forEachOption((code, valueAt, valueLen) => {
    if (code === DhcpOption.OptionOverload || code === DhcpOption.RelayAgentInformation) return;
    if (writer.octets(code, o, valueAt, valueLen)) {
      taken.set(code, (taken.get(code) ?? 0) + valueLen);
    }
  });
  t.add(echoRelayAgent(view, writer, scratch));
  const n = writer.end();
  t.check(n >= 300 && n <= DHCP_LIMITS.maxLen, `a reply of ${n} octets`);
  t.check(echo.reset(out, 0, n) === Status.Ok, "what was written is refused");
  t.check(echo.xid === xid && echo.hlen === hlen, "the header is not what was written");
  for (const [code, total] of taken) {
    t.check(echo.optionJoined(code, joined) === total, `option ${code} is not as it was written`);
  }
}

/** The insides of options 43, 82 and 175, and the two framings. */
export const dhcpOptions: Target = {
  name: "dhcp-options",
  sources: [
    "/protocols/dhcp/pxe",
    "/protocols/dhcp/relay-agent",
    "/protocols/dhcp/ipxe",
    "/protocols/dhcp/option-walker",
  ],
  maxLen: 600,
  dictionary: [
    ascii("\x06\x01\x08"),
    ascii("\x08\x07\0\0\x01\x0a\0\0\x01"),
    ascii("\x09\x07\0\0\x04boot"),
    ascii("\x0a\x04\0PXE"),
    ascii("\x47\x04\0\x01\0\0"),
    ascii("\xeb\x03\x01\x15\x01"),
    ascii("\xb1\x05\x01\x80\x86\x10\x0e"),
    ascii("\x13\x01\x01"),
    ascii("\x05\x04\x0a\0\0\x01"),
    ascii("\x0b\x04\x0a\0\0\x01"),
    ascii("\x01\x04port"),
    ascii("\x02\x04host"),
    ascii("\0\0\0\xff"),
  ],
  run(o, at, len, t) {
    const pxeStatus = pxe.reset(o, at, len);
    t.add(pxeStatus, pxe.discoveryControl);
    if (pxeStatus === Status.Ok) {
      t.view(pxe);
      t.range("servers", pxe.serversAt, pxe.serversLen);
      t.range("menu", pxe.menuAt, pxe.menuLen);
      t.range("prompt", pxe.promptAt, pxe.promptLen);
    }
    const relayStatus = relay.reset(o, at, len);
    t.add(relayStatus);
    if (relayStatus === Status.Ok) {
      t.view(relay);
      t.range("circuitId", relay.circuitIdAt, relay.circuitIdLen);
      t.range("remoteId", relay.remoteIdAt, relay.remoteIdLen);
    }
    const ipxeStatus = ipxe.reset(o, at, len);
    t.add(ipxeStatus);
    if (ipxeStatus === Status.Ok) {
      t.view(ipxe);
      for (const feature of Object.values(IpxeFeature)) t.add(ipxe.has(feature));
      t.add(ipxe.has(0x4f), ipxe.has(0x50), ipxe.has(0));
    }
    for (const framing of Object.values(OptionFraming)) {
      walker.reset(o, at, len, framing);
      let steps = 0;
      while (walker.next()) {
        t.add(walker.code);
        t.range("value", walker.valueAt, walker.valueLen);
        t.check(++steps <= len, "takes more steps than octets");
      }
      t.check(!walker.next(), "goes on after the end");
      t.add(walker.status);
    }
  },
};
