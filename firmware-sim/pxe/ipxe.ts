import { IpxeOption } from "../../protocols/dhcp/ipxe.ts";
import { DhcpOption } from "../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import type { BootContext } from "../boot-machine.ts";
import { BootFailure, type BootScript, pause } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { HttpClient } from "../stack/http-client.ts";
import { tftpRead } from "../stack/tftp-client.ts";
import { bootFileOf, DhcpExchange, type DhcpProfile } from "./dhcp-exchange.ts";
import { ipxeActions } from "./ipxe-script.ts";
import { putPxeIdentity } from "./pxe-rom.ts";
import { type BootUri, isAbsoluteUri, parseBootUri, resolveBootUri } from "./uri.ts";
import { formatUuid } from "./uuid.ts";

const USER_AGENT = "iPXE/1.0.0+git-20190125.36a4c85-5.1";
const USER_CLASS = "iPXE";
const MAX_MESSAGE_SIZE = 1_472;
const PARAMETERS: Octets = new Octets(
  Uint8Array.of(
    ...[1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135],
    ...[175, 203],
  ),
);
/** Option 175 as the ROM in QEMU sends it, captured: bus id, version 1.0.0, and a 1 for each feature. */
const FEATURES: Octets = new Octets(
  Uint8Array.of(
    ...[0xb1, 5, 1, 0x1a, 0xf4, 0x10, 0, 0xeb, 3, 1, 0, 0],
    ...[0x17, 0x22, 0x13, 0x11, 0x27, 0x19, 0x29].flatMap((feature) => [feature, 1, 1]),
    ...[0x10, 1, 2],
    ...[0x21, 0x15, 0x18, 0x12].flatMap((feature) => [feature, 1, 1]),
  ),
);
const TFTP_OPTIONS = [
  { name: "blksize", value: "1432" },
  { name: "tsize", value: "0" },
] as const;
const TFTP_RETRY_MS = 2_000;
const TFTP_TRIES = 6;

/** An image that was loaded. */
interface Image {
  readonly name: string;
  readonly octets: number;
  args: string;
}

/**
 * iPXE from its own DHCP on: DISCOVER with option 77 "iPXE" and 175, the script by HTTP or TFTP, its kernel and initrds, and
 * `boot`. Returns the octets of kernel and initrds.
 *
 * Unless a server says 176=1 within option 175, it waits for ProxyDHCP offers for two seconds. `architecture`: option 93, that
 * of a BIOS unless told otherwise.
 */
export function* ipxe(
  context: BootContext,
  uuid: Uint8Array,
  options: FirmwareOptions,
  architecture = 0,
): BootScript<number> {
  const { host, say } = context;
  const { script, settings } = yield* configure(context, uuid, architecture);
  const http = new HttpClient(host, USER_AGENT);
  const fetch = function* (uri: BootUri, keep: boolean): BootScript<IncomingFile> {
    let file: IncomingFile | undefined;
    const open = (total: number | null): IncomingFile => {
      file = new IncomingFile(uri.text, uri.scheme, total, options, say, keep);
      return file;
    };
    if (uri.scheme === "http") yield* http.get({ ...uri, url: uri.text }, open);
    else yield* fetchTftp(context, uri, open);
    if (!file) throw new Error("a transfer that succeeded has opened its file");
    return file;
  };
  try {
    say({ kind: "step", stage: "ipxe", text: `loading ${script.text}` });
    const text = (yield* fetch(script, true)).text();
    return yield* run(context, script, text, settings, fetch);
  } finally {
    http.close();
  }
}

/** DHCP, and what it tells the script. */
function* configure(
  context: BootContext,
  uuid: Uint8Array,
  architecture: number,
): BootScript<{ script: BootUri; settings: Map<string, string> }> {
  const { host, say } = context;
  host.address = 0;
  host.mask = 0;
  host.router = 0;
  host.forgetNeighbours();
  const exchange = new DhcpExchange(context, ipxeProfile(host.mac, uuid, architecture));
  try {
    const { address, proxy } = yield* exchange.discover();
    const offer = address.find((one) => bootFileOf(one) !== "") ?? address[0];
    if (!offer) throw exchange.failure("no offer");
    const ack = yield* exchange.request(offer);
    let boot = ack;
    const [pxeProxy] = proxy;
    if (bootFileOf(ack) === "" && pxeProxy) {
      say({ kind: "step", stage: "ipxe", text: "the boot file comes from ProxyDHCP" });
      boot =
        bootFileOf(pxeProxy) === ""
          ? yield* exchange.askBootServer(
              pxeProxy.siaddr || pxeProxy.optionIpv4(DhcpOption.ServerIdentifier),
            )
          : pxeProxy;
    }
    const filename = bootFileOf(boot);
    if (filename === "") throw exchange.failure("nothing to boot: no boot file was offered");
    const next = formatIpv4(boot.siaddr);
    const absolute = isAbsoluteUri(filename);
    if (!absolute && boot.siaddr === 0) {
      throw exchange.failure(`${filename} is no URL, and next-server (siaddr) is 0.0.0.0`);
    }
    const script = parseBootUri(
      absolute ? filename : `tftp://${next}${filename.startsWith("/") ? "" : "/"}${filename}`,
    );
    if (typeof script === "string") throw exchange.failure(script);
    return { script, settings: settingsOf(context, ack, filename, next, uuid) };
  } finally {
    exchange.close();
  }
}

function ipxeProfile(mac: Uint8Array, uuid: Uint8Array, architecture: number): DhcpProfile {
  return {
    stage: "ipxe",
    flags: 0,
    waitsMs: [1_000, 2_000, 4_000, 8_000, 10_000],
    proxyWindowMs: 2_000,
    options: (w) => {
      w.u16(DhcpOption.MaximumDhcpMessageSize, MAX_MESSAGE_SIZE);
      const digits = String(architecture).padStart(5, "0");
      putPxeIdentity(w, uuid, architecture, `PXEClient:Arch:${digits}:UNDI:002001`);
      w.text(DhcpOption.UserClass, USER_CLASS);
      w.octets(DhcpOption.ParameterRequestList, PARAMETERS, 0, PARAMETERS.u8.length);
      w.octets(DhcpOption.Ipxe, FEATURES, 0, FEATURES.u8.length);
      const id = new Octets(Uint8Array.of(1, ...mac));
      w.octets(DhcpOption.ClientIdentifier, id, 0, id.u8.length);
    },
    satisfiedBy: saysNoProxy,
  };
}

/** Whether option 175 encapsulates 176 = 1. */
function saysNoProxy(offer: DhcpView): boolean {
  const into = Octets.alloc(1_024);
  const len = offer.optionJoined(DhcpOption.Ipxe, into);
  for (let at = 0; at + 2 < len; at += 2 + (into.u8[at + 1] ?? 0)) {
    if (into.u8[at] === IpxeOption.NoPxeDhcp) return (into.u8[at + 2] ?? 0) !== 0;
  }
  return false;
}

function settingsOf(
  { host }: BootContext,
  ack: DhcpView,
  filename: string,
  next: string,
  uuid: Uint8Array,
): Map<string, string> {
  const mac = formatMac(host.mac);
  const ip = formatIpv4(host.address);
  return new Map([
    ["mac", mac],
    ["net0/mac", mac],
    ["ip", ip],
    ["net0/ip", ip],
    ["uuid", formatUuid(uuid)],
    ["hostname", ack.optionText(DhcpOption.HostName)],
    ["next-server", next],
    ["filename", filename],
  ]);
}

function* fetchTftp(
  { host }: BootContext,
  uri: BootUri,
  open: (total: number | null) => IncomingFile,
): BootScript<number> {
  yield* host.resolve(uri.address);
  return yield* tftpRead(
    host,
    {
      filename: uri.path.slice(1),
      server: uri.address,
      options: TFTP_OPTIONS,
      retryMs: TFTP_RETRY_MS,
      tries: TFTP_TRIES,
    },
    open,
  );
}

function* run(
  { host, say }: BootContext,
  base: BootUri,
  text: string,
  settings: Map<string, string>,
  fetch: (uri: BootUri, keep: boolean) => BootScript<IncomingFile>,
): BootScript<number> {
  let kernel: Image | undefined;
  let initrds: Image[] = [];
  const script = ipxeActions(text, settings);
  let failure: BootFailure | undefined;
  for (;;) {
    const { done, value: action } = script.next(failure);
    if (done) throw new BootFailure("ipxe", "the script ended without boot");
    failure = undefined;
    if (action.kind === "echo") {
      say({ kind: "step", stage: "ipxe", text: action.text });
    } else if (action.kind === "sleep") {
      yield* pause(host, host.nowMs + action.seconds * 1_000);
    } else if (action.kind === "imgfree") {
      kernel = undefined;
      initrds = [];
    } else if (action.kind === "boot") {
      if (!kernel) throw new BootFailure("ipxe", "boot: no kernel was loaded");
      say({ kind: "step", stage: "boot", text: bootText(kernel, initrds) });
      return initrds.reduce((sum, image) => sum + image.octets, kernel.octets);
    } else if (action.kind === "imgargs") {
      const image = [...initrds, ...(kernel ? [kernel] : [])].find((i) => i.name === action.name);
      if (!image) throw new BootFailure("ipxe", `imgargs: there is no image ${action.name}`);
      image.args = action.args;
    } else {
      const uri = resolveBootUri(base, action.uri);
      if (typeof uri === "string") throw new BootFailure("ipxe", `${action.kind}: ${uri}`);
      try {
        const octets = (yield* fetch(uri, false)).received;
        const image = { name: action.name, octets, args: action.args };
        if (action.kind === "kernel") kernel = image;
        else initrds.push(image);
      } catch (error) {
        if (!(error instanceof BootFailure)) throw error;
        say({ kind: "step", stage: error.stage, text: error.message });
        failure = error;
      }
    }
  }
}

function bootText(kernel: Image, initrds: readonly Image[]): string {
  const names = initrds.map((image) => image.name).join(", ");
  return `kernel ${kernel.name}, initrd ${names || "none"}, command line: ${kernel.args}`;
}
