// Where the fields of a BOOTP or DHCP message lie (RFC 951 section 3, RFC 2131 section 2). Offsets in octets from `op`.
//
//     op htype hlen hops xid(4) secs(2) flags(2) ciaddr(4) yiaddr(4) siaddr(4) giaddr(4)
//     chaddr(16) sname(64) file(128) | cookie(4) options...
//
// RFC 951 calls what follows `file` the vendor area, 64 octets. RFC 2131 makes it at least 312 octets and requires the cookie.

export const OP = 0;
export const HTYPE = 1;
export const HLEN = 2;
export const HOPS = 3;
export const XID = 4;
export const SECS = 8;
export const FLAGS = 10;
export const CIADDR = 12;
export const YIADDR = 16;
export const SIADDR = 20;
export const GIADDR = 24;
export const CHADDR = 28;
export const SNAME = 44;
export const FILE = 108;
export const COOKIE = 236;
export const OPTIONS = 240;

export const CHADDR_LEN = 16;
export const SNAME_LEN = 64;
export const FILE_LEN = 128;

/** 99.130.83.99 (RFC 1497): the options of RFC 2132 follow. */
export const MAGIC_COOKIE = 0x63825363;

/** Octets up to the vendor area: all that klibc's BOOTP client sends. */
export const BOOTP_HEADER_LEN = 236;
/** A BOOTP message with its vendor area (RFC 951, RFC 1542 section 2.1). Nothing shorter is sent: libsa drops it. */
export const BOOTP_MESSAGE_LEN = 300;
/** The DHCP message every client accepts: 576 octets of datagram, less IPv4 and UDP headers (RFC 2131 section 2). */
export const DHCP_MESSAGE_LEN = 548;
