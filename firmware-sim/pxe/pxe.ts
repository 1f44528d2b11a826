import { type BootContext, BootMachine } from "../boot-machine.ts";
import type { BootScript } from "../boot-script.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { HostStack } from "../stack/host-stack.ts";
import { ipxe } from "./ipxe.ts";
import { pxeRom } from "./pxe-rom.ts";

/** A PC that boots over the network. */
export interface PxeOptions extends FirmwareOptions {
  /** Sixteen octets in SMBIOS order, as option 97 carries them; made from the Ethernet address when absent. */
  readonly uuid?: Uint8Array;
  /** The ROM is iPXE itself: no boot program is loaded by TFTP first. */
  readonly ipxeRom?: boolean;
}

/** A simulated PXE BIOS that loads iPXE, and iPXE that boots a kernel by HTTP. */
export function pxe(options: PxeOptions): BootMachine {
  const host = new HostStack(options.mac, options.random, options.partialChecksums);
  return new BootMachine("pxe", host, (context) => boot(context, options));
}

function* boot(context: BootContext, options: PxeOptions): BootScript<number> {
  const uuid = options.uuid ?? Uint8Array.of(...new Array<number>(10).fill(0), ...options.mac);
  let loaded = 0;
  if (!options.ipxeRom) {
    context.say({ kind: "step", stage: "dhcp", text: "PXE ROM" });
    loaded = yield* pxeRom(context, uuid, options);
  }
  context.say({ kind: "step", stage: "ipxe", text: "iPXE" });
  return loaded + (yield* ipxe(context, uuid, options));
}
