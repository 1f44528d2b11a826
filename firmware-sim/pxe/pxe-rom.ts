import type { DhcpWriter } from "../../protocols/dhcp/message.ts";
import { BROADCAST_FLAG, DhcpOption } from "../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../protocols/dhcp/packet.ts";
import { PxeDiscovery, PxeVendorView } from "../../protocols/dhcp/pxe.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import type { BootContext } from "../boot-machine.ts";
import type { BootScript } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { tftpProbe, tftpRead } from "../stack/tftp-client.ts";
import { bootFileOf, DhcpExchange, type DhcpProfile, isPxeReply } from "./dhcp-exchange.ts";

/** Vendor class of an x86 BIOS with UNDI 2.1. */
export const PXE_BIOS_CLASS = "PXEClient:Arch:00000:UNDI:002001";
const PARAMETERS: Octets = new Octets(
  Uint8Array.of(
    ...[1, 2, 3, 4, 5, 6, 11, 12, 13, 15, 16, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54],
    ...[58, 59, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135],
  ),
);
const MAX_MESSAGE_SIZE = 1_260;
const BLKSIZE = 1_456;
const TFTP_RETRY_MS = 4_000;
const TFTP_TRIES = 5;
/** "TFTP Aborted", by which a ROM ends the transfer that told it the size. */
const ABORT_CODE = 0;

/** The options by which a PXE machine says what it is (RFC 4578): 93, 94, 60 and 97. */
export function putPxeIdentity(w: DhcpWriter, uuid: Uint8Array): void {
  w.u16(DhcpOption.ClientSystemArchitecture, 0);
  w.octets(DhcpOption.ClientNetworkInterface, new Octets(Uint8Array.of(1, 2, 1)), 0, 3);
  w.text(DhcpOption.VendorClassIdentifier, PXE_BIOS_CLASS);
  const id = new Octets(Uint8Array.of(0, ...uuid));
  w.octets(DhcpOption.ClientMachineIdentifier, id, 0, id.u8.length);
}

/** What the ROM found out: where its boot file is. */
interface BootFile {
  readonly server: Ipv4;
  readonly name: string;
}

/**
 * A PXE BIOS ROM (PXE 2.1): DHCP, then its boot program by TFTP. Returns the octets loaded.
 *
 * It prefers an offer for PXE (option 60) with a boot file and discovery control in option 43, then a ProxyDHCP offer, then a
 * plain offer with a boot file. An offer for PXE without option 43 means "ask me on port 4011", even where it names a file.
 */
export function* pxeRom(
  context: BootContext,
  uuid: Uint8Array,
  options: FirmwareOptions,
): BootScript<number> {
  const { host, say } = context;
  const exchange = new DhcpExchange(context, romProfile(uuid));
  let file: BootFile;
  try {
    file = yield* findBootFile(exchange);
  } finally {
    exchange.close();
  }
  const { server, name } = file;
  say({ kind: "step", stage: "tftp", text: `asking ${formatIpv4(server)} for ${name}` });
  yield* host.resolve(server);
  const read = { filename: name, server, retryMs: TFTP_RETRY_MS, tries: TFTP_TRIES };
  const probe = { ...read, options: [{ name: "tsize", value: "0" }] };
  const size = yield* tftpProbe(host, probe, ABORT_CODE);
  const settled = size === undefined ? [] : [{ name: "blksize", value: String(BLKSIZE) }];
  return yield* tftpRead(
    host,
    { ...read, options: settled },
    () => new IncomingFile(name, "tftp", size ?? null, options, say),
  );
}

function romProfile(uuid: Uint8Array): DhcpProfile {
  return {
    stage: "dhcp",
    flags: BROADCAST_FLAG,
    waitsMs: [4_000, 8_000, 16_000, 32_000],
    proxyWindowMs: 2_000,
    options: (w) => {
      w.octets(DhcpOption.ParameterRequestList, PARAMETERS, 0, PARAMETERS.u8.length);
      w.u16(DhcpOption.MaximumDhcpMessageSize, MAX_MESSAGE_SIZE);
      putPxeIdentity(w, uuid);
    },
    satisfiedBy: (offer) => isPxeReply(offer) && bootFileOf(offer) !== "" && namesItsFile(offer),
  };
}

function* findBootFile(exchange: DhcpExchange): BootScript<BootFile> {
  const { address, proxy } = yield* exchange.discover();
  const [pxeProxy] = proxy;
  const own = address.find((offer) => isPxeReply(offer));
  const plain = address.find((offer) => bootFileOf(offer) !== "");
  const offer = own ?? (pxeProxy ? address[0] : plain);
  if (!offer) throw exchange.failure("no offer names a boot file");
  const ack = yield* exchange.request(offer);
  if (own && namesItsFile(own)) return fileOf(exchange, ack);
  if (own) return fileOf(exchange, yield* exchange.askBootServer(bootServerOf(own)));
  if (!pxeProxy) return fileOf(exchange, ack);
  if (bootFileOf(pxeProxy) !== "" && namesItsFile(pxeProxy)) return fileOf(exchange, pxeProxy);
  return fileOf(exchange, yield* exchange.askBootServer(bootServerOf(pxeProxy)));
}

/** Whether option 43 tells the client to take the boot file of this very reply (PXE 2.1, discovery control bit 3). */
function namesItsFile(reply: DhcpView): boolean {
  const into = Octets.alloc(1_024);
  const len = reply.optionJoined(DhcpOption.VendorSpecific, into);
  if (len < 0) return false;
  const vendor = new PxeVendorView();
  if (vendor.reset(into, 0, len) !== 0) return false;
  if (vendor.discoveryControl < 0) return vendor.menuAt < 0;
  return (vendor.discoveryControl & PxeDiscovery.UseBootFile) !== 0;
}

function fileOf(exchange: DhcpExchange, reply: DhcpView): BootFile {
  const name = bootFileOf(reply);
  if (name === "") throw exchange.failure("the ACK names no boot file");
  const server = bootServerOf(reply);
  if (server === 0) throw exchange.failure("the ACK names no TFTP server");
  return { server, name };
}

/** siaddr, else option 66 as an address, else the DHCP server. */
function bootServerOf(reply: DhcpView): Ipv4 {
  if (reply.siaddr !== 0) return reply.siaddr;
  const named = parseIpv4(reply.optionText(DhcpOption.TftpServerName));
  return named ?? reply.optionIpv4(DhcpOption.ServerIdentifier);
}
