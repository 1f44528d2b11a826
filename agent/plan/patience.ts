import type { Family } from "../site/families.ts";

/** How long the firmware of one family may be left without an answer, ms, and what it does then. docs/firmware.md has the sources. */
export interface Patience {
  /** RARP, BOOTREQUEST and DISCOVER; 0: answered at once. */
  readonly addressMs: number;
  /** What the address is kept back for: the first file, or all that the boot will come to. */
  readonly addressFor: "first" | "all";
  /** A TFTP read request; then it gets an ERROR. */
  readonly tftpMs: number;
  /** The headers of an HTTP response. */
  readonly httpMs: number;
}

/** For what repeats its question until it is answered. */
const FOR_EVER: number = Number.POSITIVE_INFINITY;

/**
 * The longest pause between two questions of a firmware that asks for ever (OBP: 32 s), and a little more. Who has not
 * repeated its question for so long is no longer listening, and gets no late answer, ms.
 */
export const LONGEST_PAUSE_MS = 40_000;

/**
 * EDK2 waits 4, 8, 16 and 32 s for an offer, but whenever one comes it looks at it at the end of that interval only: an offer
 * that was kept back long costs more than it gains. For a file it waits 6 times 4 s, and begins at once.
 */
const UEFI_PXE: Patience = {
  addressMs: 10_000,
  addressFor: "first",
  tftpMs: 20_000,
  httpMs: 20_000,
};

/** EDK2 waits 5 s for the headers of a response, so the time is taken from the offer: most of its third interval. */
const UEFI_HTTP: Patience = { ...UEFI_PXE, addressMs: 24_000, httpMs: 4_000 };

const UNKNOWN: Patience = {
  addressMs: 0,
  addressFor: "first",
  tftpMs: 12_000,
  httpMs: 20_000,
};

const TABLE: Readonly<Record<Family, Patience>> = {
  // Its loader gives up on NFS after two minutes, and the PROM never: so the PROM waits for the kernel too. An ERROR would end
  // its boot.
  openfirmware: {
    addressMs: FOR_EVER,
    addressFor: "all",
    tftpMs: FOR_EVER,
    httpMs: 20_000,
  },
  // libsa: 2, 4, 8, 16, 32 and 64 s.
  "bsd-loader": { ...UNKNOWN, addressMs: 100_000, addressFor: "all" },
  // PXE 2.1: 4, 8, 16 and 32 s for an offer; as with UEFI, not into the last of them.
  "pxe-bios": { ...UEFI_PXE, addressMs: 24_000, tftpMs: 16_000 },
  "uefi-ia32": UEFI_PXE,
  "uefi-x64": UEFI_PXE,
  "uefi-arm32": UEFI_PXE,
  "uefi-arm64": UEFI_PXE,
  "uefi-riscv64": UEFI_PXE,
  "uefi-loongarch64": UEFI_PXE,
  "uefi-http-ia32": UEFI_HTTP,
  "uefi-http-x64": UEFI_HTTP,
  "uefi-http-arm32": UEFI_HTTP,
  "uefi-http-arm64": UEFI_HTTP,
  "uefi-http-riscv64": UEFI_HTTP,
  "uefi-http-loongarch64": UEFI_HTTP,
  // Its connection is kept alive for as long as it takes; its script asks again after a refusal.
  ipxe: { ...UNKNOWN, tftpMs: 12_000, httpMs: 300_000 },
  // 10 times 5 s; then, and after an ERROR that is not "file not found", it starts again if `netretry` says so.
  uboot: { ...UNKNOWN, tftpMs: 45_000 },
  // 11 questions, one a second (BOOTP) or every two (DHCP); 20 s for a file.
  slof: { ...UNKNOWN, addressMs: 8_000, tftpMs: 17_000 },
  // Its network code is that of SLOF (QEMU's pc-bios/s390-ccw builds libnet).
  s390: { ...UNKNOWN, addressMs: 8_000, tftpMs: 17_000 },
  // TFTP_FILE_TIMEOUT is 30 s.
  "raspberry-pi": { ...UNKNOWN, tftpMs: 25_000 },
  // ip= is needed for more than the root.
  "linux-kernel": UNKNOWN,
  unknown: UNKNOWN,
};

/** How long a question of this family may stay unanswered. */
export function patienceOf(family: Family): Patience {
  return TABLE[family];
}
