import type { DhcpWriter } from "../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../protocols/dhcp/packet.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { type BootContext, BootMachine } from "../boot-machine.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { DhcpExchange, type DhcpProfile, vendorOf } from "../pxe/dhcp-exchange.ts";
import { PXE_BIOS_CLASS } from "../pxe/pxe-rom.ts";
import { HostStack } from "../stack/host-stack.ts";
import { tftpRead } from "../stack/tftp-client.ts";

/** A Raspberry Pi 4 and its serial number. */
export interface RaspberryPiOptions extends FirmwareOptions {
  /** As it begins the names that are asked for; made from the Ethernet address when absent. */
  readonly serial?: number;
  /** After firmware and configuration, in this order. */
  readonly files?: readonly string[];
}

const START = "start4.elf";
/** What a Pi 4 looks for in its folder; the older name counts too. */
const STARTS = [START, "start.elf"] as const;
const KERNEL = "kernel8.img";
const CONFIG = "config.txt";
const MENU_TEXT = "Raspberry Pi Boot";
const RPI4 = [0x52, 0x50, 0x69, 0x34] as const;
/** Revision c03114: a Pi 4B with 4 GB. Little-endian, as all of option 97. */
const REVISION = [0x14, 0x31, 0xc0, 0x00] as const;
const PARAMETERS: Octets = new Octets(
  Uint8Array.of(1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135),
);
/** DHCP_REQ_TIMEOUT is 4 s, DHCP_TIMEOUT 45 s, TFTP_FILE_TIMEOUT 30 s (the EEPROM's configuration). */
const DHCP_WAITS_MS: readonly number[] = new Array<number>(11).fill(4_000);
const TFTP_TRIES = 6;
const TFTP_RETRY_MS = 5_000;
/** EEPROMs since 2022-10-03; before it was 1024. */
const BLKSIZE = 1_468;
const NOT_FOUND = /error 1:/;

/** A simulated EEPROM of a Raspberry Pi 4 (Raspberry Pi documentation, eeprom-bootloader). */
export function raspberryPi(options: RaspberryPiOptions): BootMachine {
  const host = new HostStack(options.mac, options.random, options.partialChecksums);
  return new BootMachine("raspberry-pi", host, (context) => boot(context, options));
}

function* boot(context: BootContext, options: RaspberryPiOptions): BootScript<number> {
  const { host, say } = context;
  const serial = options.serial ?? serialOf(options.mac);
  const server = yield* findServer(context, serial);
  yield* host.resolve(server);
  const read = (name: string): BootScript<number> =>
    tftpRead(
      host,
      {
        filename: name,
        server,
        options: [
          { name: "tsize", value: "0" },
          { name: "blksize", value: String(BLKSIZE) },
        ],
        retryMs: TFTP_RETRY_MS,
        tries: TFTP_TRIES,
      },
      (total) => new IncomingFile(name, "tftp", total, options, say),
    );
  const folder = `${serial.toString(16).padStart(8, "0")}/`;
  const { prefix, octets } = yield* findFirmware(context, folder, read);
  let loaded = octets;
  for (const name of [CONFIG, ...(options.files ?? [KERNEL])]) {
    loaded += yield* read(prefix + name);
  }
  return loaded;
}

/** The folder counts only where the firmware is in it: without, all is asked for at the top. */
function* findFirmware(
  { say }: BootContext,
  folder: string,
  read: (name: string) => BootScript<number>,
): BootScript<{ prefix: string; octets: number }> {
  const names = [...STARTS.map((name) => folder + name), ...STARTS];
  for (const name of names) {
    try {
      const octets = yield* read(name);
      return { prefix: name.startsWith(folder) ? folder : "", octets };
    } catch (error) {
      if (!(error instanceof BootFailure) || !NOT_FOUND.test(error.message)) throw error;
      say({ kind: "step", stage: "tftp", text: `there is no ${name}` });
    }
  }
  throw new BootFailure("tftp", `the server has none of ${names.join(", ")}`);
}

/** DHCP, and the TFTP server that it tells: siaddr, else option 66, else whoever answered. */
function* findServer(context: BootContext, serial: number): BootScript<Ipv4> {
  const exchange = new DhcpExchange(context, profileOf(context.host.mac, serial));
  try {
    const { address } = yield* exchange.discover();
    const offer = address.find(isForUs);
    if (!offer) throw exchange.failure(`no offer says "${MENU_TEXT}" in option 43`);
    const ack = yield* exchange.request(offer);
    const server =
      ack.siaddr ||
      parseIpv4(ack.optionText(DhcpOption.TftpServerName)) ||
      ack.optionIpv4(DhcpOption.ServerIdentifier);
    context.say({ kind: "step", stage: "tftp", text: `server ${formatIpv4(server)}` });
    return server;
  } finally {
    exchange.close();
  }
}

function isForUs(offer: DhcpView): boolean {
  const vendor = vendorOf(offer);
  if (!vendor || vendor.menuAt < 0) return false;
  const { o, menuAt, menuLen } = vendor;
  return String.fromCharCode(...o.u8.subarray(menuAt, menuAt + menuLen)).includes(MENU_TEXT);
}

function profileOf(mac: Uint8Array, serial: number): DhcpProfile {
  const serialOctets = [0, 8, 16, 24].map((shift) => (serial >>> shift) & 255);
  const id = new Octets(
    Uint8Array.of(0, ...RPI4, ...REVISION, ...mac.subarray(2, 6), ...serialOctets),
  );
  return {
    stage: "dhcp",
    flags: 0,
    waitsMs: DHCP_WAITS_MS,
    proxyWindowMs: 0,
    options: (w: DhcpWriter) => {
      w.u16(DhcpOption.ClientSystemArchitecture, 0);
      w.octets(DhcpOption.ClientNetworkInterface, new Octets(Uint8Array.of(1, 2, 1)), 0, 3);
      w.text(DhcpOption.VendorClassIdentifier, PXE_BIOS_CLASS);
      w.octets(DhcpOption.ParameterRequestList, PARAMETERS, 0, PARAMETERS.u8.length);
      w.octets(DhcpOption.ClientMachineIdentifier, id, 0, id.u8.length);
    },
    satisfiedBy: isForUs,
  };
}

/** The last four octets: on a real Pi, too, address and serial number have some in common. */
function serialOf(mac: Uint8Array): number {
  return mac.subarray(2, 6).reduce((sum, octet) => sum * 256 + octet, 0);
}
