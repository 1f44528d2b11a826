import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Family } from "../site/families.ts";
import { architectureFamily, architectureOfClass } from "./architectures.ts";
import { type RaspberryPi, raspberryPiOf } from "./raspberry-pi.ts";

/** What a BOOTP or DHCP request tells about who sent it. Texts are as sent; -1 and undefined: not there. */
export interface DhcpEvidence {
  /** Option 60. */
  readonly vendorClass: string | undefined;
  /** Option 77, raw. */
  readonly userClass: string | undefined;
  /** Option 93, its first architecture. */
  readonly architecture: number;
  /** Option 175 is there. */
  readonly ipxeOptions: boolean;
  readonly bootp: boolean;
  /** The options area begins with the magic cookie. */
  readonly cookie: boolean;
  /** Of the card that asks. */
  readonly mac: MacText;
  /** Option 97, its type octet first; empty: none. */
  readonly identifier: Uint8Array;
  /** The codes of option 55, or in BOOTP the codes that were sent empty to ask for them. */
  readonly asks: (code: number) => boolean;
}

/** A family, and the words for the journal why it is that one. */
export interface Recognition {
  readonly family: Family;
  readonly why: string;
  /** Nothing in the message says who it is. */
  readonly bare?: boolean;
  /** Which boot program of a Raspberry Pi it is. */
  readonly pi?: RaspberryPi;
}

/** Option 93 of firmware that names no class, and has it in its REQUEST only: SLOF, s390-ccw. */
const CLASSLESS: ReadonlySet<number> = new Set([12, 31]);
const ROOT_PATH = 17;
const NIS_DOMAIN = 40;

/**
 * Recognises who asks by BOOTP or DHCP.
 *
 * The order matters: iPXE repeats the firmware's own class and architecture, U-Boot sets an architecture of its own.
 */
export function recogniseDhcp(e: DhcpEvidence): Recognition {
  const vendor = e.vendorClass ?? "";
  if (e.userClass?.includes("iPXE") || e.ipxeOptions) {
    return { family: "ipxe", why: e.userClass ? "user class iPXE" : "iPXE options (175)" };
  }
  if (vendor.startsWith("U-Boot")) return { family: "uboot", why: `vendor class ${vendor}` };
  if (/^(NetBSD|OpenBSD):[^:]*:libsa/.test(vendor)) {
    return { family: "bsd-loader", why: `vendor class ${vendor}` };
  }
  if (/^SUNW[.,]/.test(vendor)) return { family: "openfirmware", why: `vendor class ${vendor}` };
  const pi = raspberryPiOf(e);
  if (pi) {
    const what = pi === "rom" ? "boot ROM" : "EEPROM";
    return { family: "raspberry-pi", why: `${what} of a Raspberry Pi`, pi };
  }
  if (vendor.startsWith("HTTPClient") || vendor.startsWith("PXEClient")) {
    const family =
      architectureFamily(e.architecture) ?? architectureFamily(architectureOfClass(vendor) ?? -1);
    if (family) return { family, why: `vendor class ${vendor}` };
  }
  const classless = CLASSLESS.has(e.architecture) ? architectureFamily(e.architecture) : undefined;
  if (classless) return { family: classless, why: `architecture ${e.architecture}, ${classless}` };
  if (e.bootp && !e.cookie) return { family: "slof", why: "BOOTP without a magic cookie" };
  // The kernel's ip= (net/ipv4/ipconfig.c) asks for a NIS domain beside the root path, and names no class.
  if (vendor === "" && e.asks(ROOT_PATH) && e.asks(NIS_DOMAIN)) {
    return { family: "linux-kernel", why: "asks for options 17 and 40 and names no class" };
  }
  if (vendor !== "") return { family: "unknown", why: `vendor class ${vendor}` };
  return { family: "unknown", why: "names no class", bare: !e.bootp && e.architecture < 0 };
}
