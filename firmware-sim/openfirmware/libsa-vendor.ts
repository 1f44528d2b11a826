import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";

/** RFC 1497: the four octets in front of the options. */
export const VENDOR_COOKIE = 0x63825363;

const END = 255;
const PAD = 0;

/** The options that libsa looks at, by their numbers (RFC 2132). */
export const VendorTag = {
  Mask: 1,
  Router: 3,
  HostName: 12,
  DomainName: 15,
  SwapServer: 16,
  RootPath: 17,
  RequestedAddress: 50,
  LeaseTime: 51,
  MessageType: 53,
  ServerId: 54,
} as const;

/** What `vend_rfc1048()` made of a reply. */
export interface VendorArea {
  readonly mask: Ipv4;
  readonly router: Ipv4;
  readonly swapServer: Ipv4;
  /** Verbatim, octet by octet; "" when absent. */
  readonly rootPath: string;
  readonly hostName: string;
  /** 0 when absent. */
  readonly messageType: number;
  readonly serverId: Ipv4;
  /** What went wrong in the walk, as this parser would never tell: "" when nothing did. */
  readonly trouble: string;
}

/** An area without cookie or options. */
export const EMPTY_VENDOR_AREA: VendorArea = {
  mask: 0,
  router: 0,
  swapServer: 0,
  rootPath: "",
  hostName: "",
  messageType: 0,
  serverId: 0,
  trouble: "",
};

/**
 * Walks options as `vend_rfc1048()` in NetBSD and OpenBSD sys/lib/libsa/bootp.c does, from the octet after the cookie.
 *
 * It knows no PAD: a zero is taken for a tag, and the octet behind it for its length, so that everything after a pad is
 * misread. `trouble` says that this has happened.
 */
export function walkVendorArea(o: Octets, at: number, len: number): VendorArea {
  const area = { ...EMPTY_VENDOR_AREA };
  const end = at + len;
  let p = at;
  while (p + 1 < end) {
    const tag = o.u8[p] ?? END;
    if (tag === END) return area;
    const size = o.u8[p + 1] ?? 0;
    const value = p + 2;
    if (tag === PAD) {
      area.trouble ||= `a PAD at octet ${p - at} of the options was taken for an option of ${size} octets`;
    } else if (value + size > end) {
      area.trouble ||= `option ${tag} of ${size} octets runs over the end of the ${len} octets that are parsed`;
    } else {
      store(area, tag, o, value, size);
    }
    p = value + size;
  }
  area.trouble ||= `no END within the ${len} octets that are parsed`;
  return area;
}

function store(
  area: { -readonly [K in keyof VendorArea]: VendorArea[K] },
  tag: number,
  o: Octets,
  at: number,
  size: number,
): void {
  if (tag === VendorTag.RootPath) area.rootPath = text(o, at, size);
  else if (tag === VendorTag.HostName) area.hostName = text(o, at, size);
  else if (tag === VendorTag.MessageType) area.messageType = o.u8[at] ?? 0;
  else if (size >= 4) {
    const address = o.dv.getInt32(at);
    if (tag === VendorTag.Mask) area.mask = address;
    else if (tag === VendorTag.Router) area.router = address;
    else if (tag === VendorTag.SwapServer) area.swapServer = address;
    else if (tag === VendorTag.ServerId) area.serverId = address;
  }
}

/** C text: up to the first NUL. */
function text(o: Octets, at: number, len: number): string {
  let s = "";
  for (let i = at; i < at + len && o.u8[i] !== 0; i++) s += String.fromCharCode(o.u8[i] ?? 0);
  return s;
}
