import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Everybody on the link has the same 64 bits in front there. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");

/**
 * Whom a connection is counted for: an IPv4 address, the first 64 bits of an IPv6 address, since any host may use all that
 * follow, or a whole link-local address.
 */
export function peerKey(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [plain = ""] = address.split("%");
  if (isIPv4(plain) || !isIPv6(plain) || LINK_LOCAL.check(plain, "ipv6")) return address;
  return `${hextets(plain).slice(0, 4).join(":")}::/64`;
}

/** The eight groups of an IPv6 address (RFC 4291 section 2.2), without leading zeros. */
function hextets(address: string): readonly string[] {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  if (tail === undefined) return before.map(shortened);
  const after = groups(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].map(shortened);
}

function shortened(group: string): string {
  return group.toLowerCase().replace(/^0+(?=.)/, "");
}
