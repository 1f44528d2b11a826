import { type BootContext, BootMachine } from "../boot-machine.ts";
import { BootFailure, type BootScript, pause } from "../boot-script.ts";
import { HostStack } from "../stack/host-stack.ts";
import { ipxe } from "./ipxe.ts";
import { type PxeRomOptions, pxeRom } from "./pxe-rom.ts";

/** A PC that boots over the network. */
export interface PxeOptions extends PxeRomOptions {
  /** Sixteen octets in SMBIOS order, as option 97 carries them; made from the Ethernet address when absent. */
  readonly uuid?: Uint8Array;
  /** The ROM is iPXE itself: no boot program is loaded by TFTP first. */
  readonly ipxeRom?: boolean;
  /** How often the BIOS comes back to the network when booting from it failed and nothing else boots. Default 0. */
  readonly restarts?: number;
}

/** Between a failed boot and the next try. */
const RESTART_MS = 2_000;

/** A simulated PXE BIOS that loads iPXE, and iPXE that boots a kernel by HTTP. */
export function pxe(options: PxeOptions): BootMachine {
  const host = new HostStack(options.mac, options.random, options.partialChecksums);
  return new BootMachine("pxe", host, (context) => bootLoop(context, options));
}

/** The boot order of a BIOS that has nothing but the network to boot from. */
function* bootLoop(context: BootContext, options: PxeOptions): BootScript<number> {
  const { host, say } = context;
  for (let left = options.restarts ?? 0; ; left--) {
    try {
      return yield* boot(context, options);
    } catch (error) {
      if (!(error instanceof BootFailure) || left === 0) throw error;
      say({ kind: "step", stage: error.stage, text: `${error.message}: starting again` });
      host.address = 0;
      host.forgetNeighbours();
      yield* pause(host, host.nowMs + RESTART_MS);
    }
  }
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
