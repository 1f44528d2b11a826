import type { DhcpWriter } from "../../protocols/dhcp/message.ts";
import { BROADCAST_FLAG, DhcpOption } from "../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../protocols/dhcp/packet.ts";
import { PxeDiscovery } from "../../protocols/dhcp/pxe.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import type { BootContext } from "../boot-machine.ts";
import type { BootScript } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { tftpProbe, tftpRead } from "../stack/tftp-client.ts";
import {
  bootFileOf,
  DhcpExchange,
  type DhcpProfile,
  isPxeReply,
  vendorOf,
} from "./dhcp-exchange.ts";

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

/** The options by which a PXE machine says what it is (RFC 4578): 93, 94, 60 and 97. A BIOS unless told otherwise. */
export function putPxeIdentity(
  w: DhcpWriter,
  uuid: Uint8Array,
  architecture = 0,
  vendorClass: string = PXE_BIOS_CLASS,
  undi: readonly number[] = [1, 2, 1],
): void {
  w.u16(DhcpOption.ClientSystemArchitecture, architecture);
  w.octets(DhcpOption.ClientNetworkInterface, new Octets(Uint8Array.from(undi)), 0, undi.length);
  w.text(DhcpOption.VendorClassIdentifier, vendorClass);
  const id = new Octets(Uint8Array.of(0, ...uuid));
  w.octets(DhcpOption.ClientMachineIdentifier, id, 0, id.u8.length);
}

/** What a ROM is told beside the rest. */
export interface PxeRomOptions extends FirmwareOptions {
  /** Which item of a menu is chosen, from 1; nobody presses a key unless told, and the first is taken. */
  readonly menuItem?: number;
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
  options: PxeRomOptions,
): BootScript<number> {
  const { host, say } = context;
  const exchange = new DhcpExchange(context, romProfile(uuid));
  let file: BootFile;
  try {
    file = yield* findBootFile(exchange, context, options.menuItem ?? 1);
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

function* findBootFile(
  exchange: DhcpExchange,
  context: BootContext,
  chosen: number,
): BootScript<BootFile> {
  const ask = function* (offer: DhcpView): BootScript<BootFile> {
    const item = choose(offer, chosen);
    if (item === undefined) {
      return fileOf(exchange, yield* exchange.askBootServer(bootServerOf(offer)));
    }
    context.say({ kind: "step", stage: "dhcp", text: `menu: ${item.text}` });
    return fileOf(exchange, yield* exchange.askBootServer(item.server, item.type));
  };
  const { address, proxy } = yield* exchange.discover();
  const [pxeProxy] = proxy;
  const own = address.find((offer) => isPxeReply(offer));
  const plain = address.find((offer) => bootFileOf(offer) !== "");
  const offer = own ?? (pxeProxy ? address[0] : plain);
  if (!offer) throw exchange.failure("no offer names a boot file");
  const ack = yield* exchange.request(offer);
  if (own && namesItsFile(own)) return fileOf(exchange, ack);
  if (own) return yield* ask(own);
  if (!pxeProxy) return fileOf(exchange, ack);
  if (bootFileOf(pxeProxy) !== "" && namesItsFile(pxeProxy)) return fileOf(exchange, pxeProxy);
  return yield* ask(pxeProxy);
}

/** What a menu has at a place, counted from 1: its type, its text, and the first of the servers for it. */
function choose(
  reply: DhcpView,
  place: number,
): { readonly type: number; readonly text: string; readonly server: Ipv4 } | undefined {
  const vendor = vendorOf(reply);
  if (!vendor || vendor.menuAt < 0) return undefined;
  const { o, menuAt, menuLen, serversAt, serversLen } = vendor;
  for (let at = menuAt, n = 1; at + 3 <= menuAt + menuLen; n++) {
    const type = o.dv.getUint16(at);
    const len = o.dv.getUint8(at + 2);
    const text = String.fromCharCode(...o.u8.subarray(at + 3, at + 3 + len));
    at += 3 + len;
    if (n !== place) continue;
    for (let list = serversAt; list + 7 <= serversAt + serversLen; ) {
      if (o.dv.getUint16(list) === type) return { type, text, server: o.dv.getInt32(list + 3) };
      list += 3 + 4 * o.dv.getUint8(list + 2);
    }
  }
  return undefined;
}

/** Whether option 43 tells the client to take the boot file of this very reply (PXE 2.1, discovery control bit 3). */
function namesItsFile(reply: DhcpView): boolean {
  const vendor = vendorOf(reply);
  if (!vendor) return false;
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
