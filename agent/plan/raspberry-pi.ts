import type { MacText } from "../../protocols/wire/mac-address.ts";

/** Beginnings of the addresses of Raspberry Pi's own cards (IEEE's registry). */
const CARDS: readonly string[] = [
  "28:cd:c1",
  "2c:cf:67",
  "88:a2:9e",
  "b8:27:eb",
  "d8:3a:dd",
  "dc:a6:32",
  "e4:5f:01",
];
/** What every boot ROM and EEPROM of a Pi calls itself: a PXE BIOS of a version that no BIOS has. */
const CLASS = "PXEClient:Arch:00000:UNDI:002001";
const ARCHITECTURE = 41;
/** Option 97: a type octet, then "RPi4" or "RPi5", the revision, half of the address, the serial number. */
const FOURCC_AT = 1;
const SERIAL_AT = 13;
const IDENTIFIER_LEN = 17;

/** Which boot program of a Raspberry Pi speaks: the boot ROM of a Pi 3, or the EEPROM of a later one. */
export type RaspberryPi = "rom" | "eeprom";

/** What tells a Raspberry Pi from others. */
export interface PiEvidence {
  readonly mac: MacText;
  /** Option 60. */
  readonly vendorClass: string | undefined;
  /** Option 93, its first architecture; -1: none. */
  readonly architecture: number;
  /** Option 97, its type octet first; empty: none. */
  readonly identifier: Uint8Array;
}

/** Undefined: it is none. Sources: Raspberry Pi documentation, boot-net and eeprom-bootloader. */
export function raspberryPiOf(e: PiEvidence): RaspberryPi | undefined {
  if (isNewIdentifier(e.identifier) || e.architecture === ARCHITECTURE) return "eeprom";
  if (!e.vendorClass?.startsWith(CLASS)) return undefined;
  if (!CARDS.some((card) => e.mac.startsWith(card))) return undefined;
  // The ROM's identifier is 0x44 all over; an EEPROM with DHCP_OPTION97=0 sends the same, from a card that no Pi 3 has.
  return e.mac.startsWith("b8:27:eb") ? "rom" : "eeprom";
}

/** The serial number as eight hex digits, as it begins the names that the Pi asks for; "": it does not tell. */
export function raspberryPiSerial({ identifier }: Pick<PiEvidence, "identifier">): string {
  if (!isNewIdentifier(identifier)) return "";
  // Little-endian, as the FourCC is.
  return [...identifier.subarray(SERIAL_AT, SERIAL_AT + 4)]
    .reverse()
    .map((b) => b.toString(16).padStart(2, "0"))
    .join("");
}

function isNewIdentifier(identifier: Uint8Array): boolean {
  if (identifier.length < IDENTIFIER_LEN) return false;
  const text = String.fromCharCode(...identifier.subarray(FOURCC_AT, FOURCC_AT + 4));
  return /^RPi\d$/.test(text);
}
