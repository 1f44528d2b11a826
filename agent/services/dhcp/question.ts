import { DhcpOption, messageTypeName } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { RelayAgentView } from "../../../protocols/dhcp/relay-agent.ts";
import { readText } from "../../../protocols/dhcp/text.ts";
import { type MacText, macText } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { AddressBook } from "../../addresses/address-book.ts";
import type { DhcpEvidence, Recognition } from "../../plan/family.ts";
import { raspberryPiSerial } from "../../plan/raspberry-pi.ts";
import type { UnknownEvidence } from "../../plan/unknown-rules.ts";
import type { Subnet } from "../../site/site.ts";
import type { AddressQuestion } from "./address-decision.ts";

/** Octets of options that are kept of a message: an identifier, a relay's option. */
const MAX_KEPT = 255;
const UUID_LEN = 17;
/** Characters of a host name that a client tells, of what is kept. */
const MAX_HOSTNAME = 63;

const joined: Octets = Octets.alloc(1_024);
const relay: RelayAgentView = new RelayAgentView();
const NO_OCTETS: Uint8Array = new Uint8Array();

/** What a request tells about its sender. */
export function evidenceOf(v: DhcpView, o: Octets): DhcpEvidence {
  const text = (code: number): string | undefined =>
    v.optionAt(code) < 0 ? undefined : v.optionText(code);
  const bootp = v.isBootp;
  return {
    vendorClass: text(DhcpOption.VendorClassIdentifier),
    userClass: text(DhcpOption.UserClass),
    architecture: v.optionU16(DhcpOption.ClientSystemArchitecture, -1),
    ipxeOptions: v.optionAt(DhcpOption.Ipxe) >= 0,
    bootp,
    mac: macText(o, v.chaddrAt),
    identifier: copyOf(DhcpOption.ClientMachineIdentifier, v),
    cookie: v.hasCookie,
    asks: (code) => (bootp ? v.optionAt(code) >= 0 : v.parameterListContains(code)),
  };
}

/** The name of a message for the journal. */
export function messageName(v: DhcpView): string {
  if (v.isBootp) return v.hasCookie ? "BOOTP request" : "BOOTP request without options";
  return messageTypeName(v.messageType);
}

/** What a message asks about its address. */
export function addressQuestion(
  v: DhcpView,
  mac: MacText,
  subnet: Subnet,
  book: AddressBook,
): AddressQuestion {
  return {
    type: v.messageType,
    client: book.client(subnet, mac, hexOf(DhcpOption.ClientIdentifier, v)),
    subnet,
    ciaddr: v.ciaddr,
    requested: v.optionIpv4(DhcpOption.RequestedIpAddress),
    server: v.optionIpv4(DhcpOption.ServerIdentifier),
    rapid: v.optionAt(DhcpOption.RapidCommit) >= 0,
    wishS: v.optionU32(DhcpOption.IpAddressLeaseTime, 0),
  };
}

/** What rules for machines that the site does not name go by. */
export function unknownEvidence(v: DhcpView, e: DhcpEvidence, told: Recognition): UnknownEvidence {
  const architectures: number[] = [];
  const list = copyOf(DhcpOption.ClientSystemArchitecture, v);
  for (let i = 0; i + 1 < list.length; i += 2) {
    architectures.push(((list[i] ?? 0) << 8) | (list[i + 1] ?? 0));
  }
  return {
    mac: e.mac,
    family: told.family,
    architectures,
    vendorClass: e.vendorClass ?? "",
    uuid: uuidOf(e.identifier),
    serial: told.pi === undefined ? "" : raspberryPiSerial(e),
    relay: v.giaddr,
    circuitId: circuitOf(v),
  };
}

/** Whether the relay hears on the port that it sent from (RFC 8357). */
export function hearsOnSourcePort(v: DhcpView): boolean {
  const len = v.optionJoined(DhcpOption.RelayAgentInformation, joined);
  return len >= 0 && relay.reset(joined, 0, len) === 0 && relay.sourcePort;
}

/** Option 12 as the list of leases shows it. */
export function hostnameOf(v: DhcpView): string {
  return v.optionText(DhcpOption.HostName).slice(0, MAX_HOSTNAME);
}

/** A UUID in the order of octets in which PXE sends it: the first three fields of SMBIOS are little-endian and are not turned. */
function uuidOf(identifier: Uint8Array): string {
  if (identifier.length !== UUID_LEN || identifier[0] !== 0) return "";
  const hex = Buffer.from(identifier.subarray(1)).toString("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join("-")}-${hex.slice(20)}`;
}

function circuitOf(v: DhcpView): string {
  const len = v.optionJoined(DhcpOption.RelayAgentInformation, joined);
  if (len < 0 || relay.reset(joined, 0, len) !== 0 || relay.circuitIdAt < 0) return "";
  return readText(joined, relay.circuitIdAt, relay.circuitIdLen);
}

/** An option in hex digits; undefined when it is not there, or longer than anybody needs. */
function hexOf(code: number, v: DhcpView): string | undefined {
  const len = v.optionJoined(code, joined);
  if (len <= 0 || len > MAX_KEPT) return undefined;
  const { buffer, byteOffset } = joined.u8;
  return Buffer.from(buffer, byteOffset, len).toString("hex");
}

/** A copy of an option's octets; empty when it is not there, or longer than anybody needs. */
function copyOf(code: number, v: DhcpView): Uint8Array {
  const len = v.optionJoined(code, joined);
  return len <= 0 || len > MAX_KEPT ? NO_OCTETS : new Uint8Array(joined.u8.subarray(0, len));
}
