import { type PxeOptions, pxe } from "../../../firmware-sim/pxe/pxe.ts";
import type { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { VirtualHost } from "../../support/virtual-host.ts";
import type { WireConditions } from "../../support/virtual-wire.ts";
import {
  type BootRun,
  type CollectedFiles,
  collectInto,
  ip,
  runBoot,
  sampleFile,
} from "./boot-run.ts";
import {
  httpResponse,
  type PxeAnswer,
  type PxeServerScript,
  ScriptedPxeServer,
} from "./scripted-pxe-server.ts";

export const MAC = Uint8Array.of(0x52, 0x54, 0x00, 0xaa, 0x00, 0x02);
export const CLIENT = ip("192.168.77.71");
export const SERVER = ip("192.168.77.1");
export const PROXY = ip("192.168.77.2");
export const LOADER = sampleFile(70_000, 3);
export const KERNEL = sampleFile(200_000, 4);
export const INITRD = sampleFile(50_000, 5);
export const BASE = "http://192.168.77.1/boot";
export const SCRIPT_URL = `${BASE}/boot.ipxe`;
const SCRIPT = `#!ipxe
# generated
set base ${BASE}
echo booting \${mac}
kernel \${base}/vmlinuz console=ttyS0 "quoted arg" uuid=\${uuid}
initrd initrd.gz
boot
`;
export const BOOTED = `booted ${LOADER.length + KERNEL.length + INITRD.length}`;

/** 43: take the file of this reply. */
export function pxeControl(w: DhcpWriter): void {
  w.text(DhcpOption.VendorClassIdentifier, "PXEClient");
  w.octets(DhcpOption.VendorSpecific, new Octets(Uint8Array.of(6, 1, 8, 255)), 0, 4);
}
/** 175: do not wait for ProxyDHCP. */
export function noProxy(w: DhcpWriter): void {
  w.octets(DhcpOption.Ipxe, new Octets(Uint8Array.of(0xb0, 1, 1, 255)), 0, 4);
}
export const ROM_ANSWER: PxeAnswer = { file: "undionly.kpxe", siaddr: SERVER, options: pxeControl };
export const IPXE_ANSWER: PxeAnswer = { file: SCRIPT_URL, siaddr: SERVER, options: noProxy };

/** Responses of a web server that has these files. */
export function serveFiles(files: Readonly<Record<string, Uint8Array | string>>) {
  return (path: string): Uint8Array => {
    const content = files[path];
    if (content === undefined) return httpResponse(new Uint8Array(0), 404);
    return httpResponse(
      typeof content === "string" ? Uint8Array.from(content, (c) => c.charCodeAt(0)) : content,
    );
  };
}
export const FILES = {
  "/boot/boot.ipxe": SCRIPT,
  "/boot/vmlinuz": KERNEL,
  "/boot/initrd.gz": INITRD,
};
const PC: PxeServerScript = {
  clientAddress: CLIENT,
  answer: (asker) => (asker === "rom" ? ROM_ANSWER : IPXE_ANSWER),
  tftp: { "undionly.kpxe": LOADER },
  http: serveFiles(FILES),
};

/** One boot and what its servers saw. */
export interface Outcome extends BootRun {
  readonly server: ScriptedPxeServer;
  readonly proxy: ScriptedPxeServer | undefined;
  readonly files: CollectedFiles;
}

/** Boots the PC beside a server, and beside a second one when `proxyScript` is given. */
export function boot(
  script: Partial<PxeServerScript> = {},
  conditions: WireConditions = {},
  options: Partial<PxeOptions> = {},
  proxyScript?: PxeServerScript,
): Outcome {
  const files: CollectedFiles = new Map();
  const random = seededRandom(conditions.seed ?? 1);
  const firmware = pxe({ mac: MAC, random, sink: collectInto(files), ...options });
  const hosts = [
    new VirtualHost({ mac: Uint8Array.of(0x52, 0x54, 0, 0x77, 0, 1), address: SERVER }),
    new VirtualHost({ mac: Uint8Array.of(0x52, 0x54, 0, 0x77, 0, 2), address: PROXY }),
  ] as const;
  const server = new ScriptedPxeServer(hosts[0], { ...PC, ...script });
  const proxy = proxyScript && new ScriptedPxeServer(hosts[1], proxyScript);
  return { ...runBoot(firmware, hosts, conditions), server, proxy, files };
}

/** Boots iPXE with a script of the test's own. */
export function bootScript(text: string): Outcome {
  return boot({ http: serveFiles({ ...FILES, "/boot/boot.ipxe": text }) }, {}, { ipxeRom: true });
}
