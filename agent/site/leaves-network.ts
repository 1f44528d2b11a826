import { formatIpv4, type Ipv4, maskOf, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { type Leaf, parsed, text, Wrong } from "./leaves.ts";
import type { AddressRange, PortRange } from "./site.ts";
import { quote } from "./wording.ts";

/** "10.77.0.0/24" */
export interface NetworkPrefix {
  readonly prefix: Ipv4;
  readonly prefixLen: number;
}

const NETWORK_CURE = "write the network's address and its prefix length, 8 to 30: 10.77.0.0/24";
const RANGE_CURE = "write the first and the last address with a dash: 10.77.0.100-10.77.0.199";
const PORTS_CURE = "write the first and the last port with a dash, 1024 to 65535: 20000-29999";
/** Fewer, and machines that boot together wait for each other. */
const MIN_PORTS = 64;
const MAC_START_CURE = 'write one to six pairs of hex digits in quotes: "52:54:00"';
const UUID_CURE = "write hex digits with dashes, whole or from the beginning: 4c4c4544-0035";

/** A network, with nothing but zeros after the prefix. */
export const NETWORK_PREFIX: Leaf<NetworkPrefix> = parsed("a network", NETWORK_CURE, (s) => {
  const [, address = "", len = ""] = /^([\d.]+)\/([1-9]\d?)$/.exec(s) ?? [];
  const prefix = parseIpv4(address);
  const prefixLen = Number(len);
  if (prefix === undefined || prefixLen < 8 || prefixLen > 30) return undefined;
  const zeros = prefix & maskOf(prefixLen);
  if (zeros === prefix) return { prefix, prefixLen };
  const meant = `${formatIpv4(zeros)}/${prefixLen}`;
  return new Wrong(`${quote(s)} is an address within a network`, `did you mean "${meant}"?`);
});

/** The addresses of a pool. */
export const ADDRESS_RANGE: Leaf<AddressRange> = parsed("a range of addresses", RANGE_CURE, (s) => {
  const [, from = "", to = ""] = /^([\d.]+) ?- ?([\d.]+)$/.exec(s) ?? [];
  const first = parseIpv4(from);
  const last = parseIpv4(to);
  if (first === undefined || last === undefined) return undefined;
  return first >>> 0 <= last >>> 0
    ? { first, last }
    : new Wrong(`${quote(s)} ends before it begins`, `did you mean "${to}-${from}"?`);
});

/** The ports of transfers. */
export const PORT_RANGE: Leaf<PortRange> = parsed("a range of ports", PORTS_CURE, (s) => {
  const [, from = "", to = ""] = /^(\d{1,5}) ?- ?(\d{1,5})$/.exec(s) ?? [];
  const first = Number(from);
  const last = Number(to);
  if (from === "" || first < 1_024 || last > 0xffff) return undefined;
  if (last < first) return new Wrong(`${quote(s)} ends before it begins`, PORTS_CURE);
  return last - first + 1 >= MIN_PORTS
    ? { first, last }
    : new Wrong(`${quote(s)} is too few ports`, `make it ${MIN_PORTS} at least`);
});

/** The beginning of hardware addresses, made lower-case. */
export const MAC_START: Leaf<string> = parsed(
  "the beginning of a MAC address",
  MAC_START_CURE,
  (s) =>
    /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){0,5}$/i.test(s)
      ? s.toLowerCase().replaceAll("-", ":")
      : undefined,
);

/** The beginning of a UUID, made lower-case. */
export const UUID_START: Leaf<string> = parsed("the beginning of a UUID", UUID_CURE, (s) =>
  /^[0-9a-f]{1,8}(?:-[0-9a-f]{0,4}){0,3}(?:-[0-9a-f]{0,12})?$/i.test(s)
    ? s.toLowerCase()
    : undefined,
);

/** The beginning of a Raspberry Pi's serial number, made lower-case. */
export const SERIAL_START: Leaf<string> = parsed(
  "the beginning of a serial number",
  'write hex digits as /proc/cpuinfo shows them, in quotes: "9ffefdef"',
  (s) => (/^[0-9a-f]{1,16}$/i.test(s) ? s.toLowerCase() : undefined),
);

/** Text in which `*` and `?` are wildcards. */
export const PATTERN: Leaf<string> = text(
  (s) => s.length >= 1 && s.length <= 255,
  "a pattern",
  "write up to 255 characters; * stands for any text and ? for any character",
);
