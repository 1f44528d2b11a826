import type { BootMachine } from "../../../firmware-sim/boot-machine.ts";
import type { FirmwareOptions } from "../../../firmware-sim/firmware.ts";
import { openFirmware } from "../../../firmware-sim/openfirmware/openfirmware.ts";
import { pxe } from "../../../firmware-sim/pxe/pxe.ts";
import { raspberryPi } from "../../../firmware-sim/raspberry-pi/raspberry-pi.ts";
import { uefi } from "../../../firmware-sim/uefi/uefi.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { StormFamily } from "./mix.ts";

/** One machine of a storm, as the site names it. */
export interface StormMachine {
  readonly name: string;
  readonly family: StormFamily;
  readonly mac: Uint8Array;
  readonly address: Ipv4;
}

/** Two octets that the card's maker has, or nobody (02: locally administered); two more follow, and the machine's number. */
const CARDS: Readonly<Record<StormFamily, readonly [number, number, number]>> = {
  sun: [0x08, 0x00, 0x20],
  pxe: [0x02, 0x70, 0x78],
  uefi: [0x02, 0x75, 0x65],
  rpi: [0xdc, 0xa6, 0x32],
};

const PROFILES: Readonly<Record<StormFamily, string>> = {
  sun: "sun",
  pxe: "pc",
  uefi: "pc",
  rpi: "pi",
};

/** As many as have an address in the lower half of a /16, after the first 256. */
export const MOST_MACHINES = 32_000;
/** Where the machines' addresses begin, counted from the network's own. */
const FIRST_HOST = 256;

/** The machines of a storm in a network: numbered, so that the same options name the same machines. */
export function stormMachines(network: Ipv4, families: readonly StormFamily[]): StormMachine[] {
  return families.map((family, i) => {
    const [a, b, c] = CARDS[family];
    return {
      name: `${family}${i + 1}`,
      family,
      mac: Uint8Array.of(a, b, c, 0, i >>> 8, i & 255),
      address: (network + FIRST_HOST + i) | 0,
    };
  });
}

export function profileOf(family: StormFamily): string {
  return PROFILES[family];
}

/** A machine's firmware, switched off. */
export function firmwareOf(family: StormFamily, options: FirmwareOptions): BootMachine {
  switch (family) {
    case "sun":
      return openFirmware(options);
    case "pxe":
      return pxe(options);
    case "uefi":
      return uefi(options);
    case "rpi":
      return raspberryPi(options);
  }
}
