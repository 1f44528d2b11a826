import type { Family } from "../site/families.ts";

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
  /** The codes of option 55, or in BOOTP the codes that were sent empty to ask for them. */
  readonly asks: (code: number) => boolean;
}

/** A family, and the words for the journal why it is that one. */
export interface Recognition {
  readonly family: Family;
  readonly why: string;
}

/** Architectures of option 93 (IANA, and EDK2's Dhcp.h) to families; 9 is EBC, which RFC 4578's text swaps with x64. */
const ARCHITECTURES: ReadonlyMap<number, Family> = new Map([
  [0, "pxe-bios"],
  [6, "uefi-ia32"],
  [7, "uefi-x64"],
  [9, "uefi-x64"],
  [10, "uefi-arm32"],
  [11, "uefi-arm64"],
  [16, "uefi-http-x64"],
  [19, "uefi-http-arm64"],
]);

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
  if (vendor.startsWith("HTTPClient") || vendor.startsWith("PXEClient")) {
    const family = ARCHITECTURES.get(e.architecture) ?? architectureOf(vendor);
    if (family) return { family, why: `vendor class ${vendor}` };
  }
  if (e.bootp && !e.cookie) return { family: "slof", why: "BOOTP without a magic cookie" };
  // The kernel's ip= (net/ipv4/ipconfig.c) asks for a NIS domain beside the root path, and names no class.
  if (vendor === "" && e.asks(ROOT_PATH) && e.asks(NIS_DOMAIN)) {
    return { family: "linux-kernel", why: "asks for options 17 and 40 and names no class" };
  }
  return { family: "unknown", why: vendor ? `vendor class ${vendor}` : "names no class" };
}

/** The family of an architecture of option 93. */
export function architectureFamily(architecture: number): Family | undefined {
  return ARCHITECTURES.get(architecture);
}

/** "PXEClient:Arch:00007:UNDI:003016" when option 93 is missing. */
function architectureOf(vendorClass: string): Family | undefined {
  const match = /:Arch:(\d{5})/.exec(vendorClass);
  return match ? ARCHITECTURES.get(Number(match[1])) : undefined;
}
