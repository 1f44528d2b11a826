import type { DhcpWriter } from "../../protocols/dhcp/message.ts";
import { BROADCAST_FLAG, DhcpOption } from "../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../protocols/dhcp/packet.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { type BootContext, BootMachine } from "../boot-machine.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { bootFileOf, DhcpExchange, type DhcpProfile } from "../pxe/dhcp-exchange.ts";
import { ipxe } from "../pxe/ipxe.ts";
import { putPxeIdentity } from "../pxe/pxe-rom.ts";
import { type BootUri, parseBootUri } from "../pxe/uri.ts";
import { HostStack } from "../stack/host-stack.ts";
import { HttpClient } from "../stack/http-client.ts";

/** A machine with UEFI that boots by HTTP, x64. */
export interface UefiOptions extends FirmwareOptions {
  /** Sixteen octets in SMBIOS order, as option 97 carries them; made from the Ethernet address when absent. */
  readonly uuid?: Uint8Array;
}

const HTTP_X64 = 16;
const PXE_X64 = 7;
const HTTP_CLASS = "HTTPClient:Arch:00016:UNDI:003000";
const SERVER_CLASS = "HTTPClient";
const UNDI = [1, 3, 0] as const;
const USER_AGENT = "UefiHttpBoot/1.0";
const MAX_MESSAGE_SIZE = 1_472;
/** What OVMF asks for, captured (ovmf-httpboot-ipxe.pcap). */
const PARAMETERS: Octets = new Octets(
  Uint8Array.of(
    ...[1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60],
    ...[66, 67, 97, 128, 129, 130, 131, 132, 133, 134, 135],
  ),
);
/** EDK2's HTTP_BOOT_DHCP_RETRIES and its waits; PcdHttpIoTimeout. */
const WAITS_MS = [4_000, 8_000, 16_000, 32_000] as const;
const HTTP_IO_MS = 5_000;

/** A simulated UEFI that loads iPXE by HTTP, and iPXE that boots a kernel. */
export function uefi(options: UefiOptions): BootMachine {
  const host = new HostStack(options.mac, options.random, options.partialChecksums);
  return new BootMachine("uefi", host, (context) => boot(context, options));
}

function* boot(context: BootContext, options: UefiOptions): BootScript<number> {
  const { host, say } = context;
  const uuid = options.uuid ?? Uint8Array.of(...new Array<number>(10).fill(0), ...options.mac);
  const uri = yield* findUrl(context, uuid);
  say({ kind: "step", stage: "http", text: `loading ${uri.text}` });
  const http = new HttpClient(host, USER_AGENT, { idleMs: HTTP_IO_MS, responseMs: HTTP_IO_MS });
  let loaded: number;
  try {
    const target = { ...uri, url: uri.text };
    const size = yield* http.head(target);
    loaded = yield* http.get(target, (total) => {
      if (total === size) return new IncomingFile(uri.text, "http", total, options, say);
      throw new BootFailure("http", `${uri.text}: HEAD says ${size} octets, GET says ${total}`);
    });
  } finally {
    http.close();
  }
  say({ kind: "step", stage: "ipxe", text: "iPXE" });
  return loaded + (yield* ipxe(context, uuid, options, PXE_X64));
}

/** DHCP as HttpBootDxe does it: an offer counts that is of class HTTPClient and names a URL. */
function* findUrl(context: BootContext, uuid: Uint8Array): BootScript<BootUri> {
  const exchange = new DhcpExchange(context, profileOf(uuid));
  try {
    const { address } = yield* exchange.discover();
    const offer = address.find(isHttpOffer);
    if (!offer) throw exchange.failure("no offer of class HTTPClient with a URL");
    const ack = yield* exchange.request(offer);
    const uri = parseBootUri(bootFileOf(ack));
    if (typeof uri === "string") throw exchange.failure(uri);
    if (uri.scheme !== "http") throw exchange.failure(`${uri.text} is not for HTTP boot`);
    return uri;
  } finally {
    exchange.close();
  }
}

function isHttpOffer(offer: DhcpView): boolean {
  const vendorClass = offer.optionText(DhcpOption.VendorClassIdentifier);
  return vendorClass.startsWith(SERVER_CLASS) && bootFileOf(offer) !== "";
}

function profileOf(uuid: Uint8Array): DhcpProfile {
  return {
    stage: "dhcp",
    flags: BROADCAST_FLAG,
    waitsMs: WAITS_MS,
    proxyWindowMs: 0,
    choosesLate: true,
    options: (w: DhcpWriter) => {
      w.u16(DhcpOption.MaximumDhcpMessageSize, MAX_MESSAGE_SIZE);
      w.octets(DhcpOption.ParameterRequestList, PARAMETERS, 0, PARAMETERS.u8.length);
      putPxeIdentity(w, uuid, HTTP_X64, HTTP_CLASS, UNDI);
    },
    satisfiedBy: () => false,
  };
}
