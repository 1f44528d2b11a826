import * as v from "valibot";
import { type Ipv4, maskOf, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac, type MacText, parseMac } from "../../protocols/wire/mac-address.ts";
import type { Scalar } from "./site.ts";
import { didYouMean, quote } from "./wording.ts";

/*
 * The single values of a site file. A message is two lines: what is wrong, then the cure. Messages of valibot
 * itself have one line; `shape.ts` words those.
 */

/** A schema whose result is `T`, whatever it was given. */
export type Leaf<T> = v.GenericSchema<unknown, T>;

const MAC_CURE = 'write six pairs of hex digits in quotes: "00:03:ba:5b:ae:b3"';
const IPV4_CURE = "write four decimal numbers of 0 to 255 without leading zeros: 192.168.77.21";
const PREFIX_CURE = "write our address and the prefix length, 8 to 30: 192.168.77.1/24";
const SHA256_CURE = "write its 64 hex digits in quotes, as sha256sum prints them";
const NAME_CURE = "use letters, digits, dots, dashes and underscores, a letter or digit first";
const FILE_NAME_CURE =
  'write a relative path of printable ASCII, without a leading "/", "//", "." or ".." in it';
const ABS_PATH_CURE = 'begin it with "/", without ".." or "//" in it';
const HOSTNAME_CURE =
  "use labels of letters, digits and dashes, at most 63 each, joined by dots; not an address";

/** Any text but empty. */
export const TEXT: Leaf<string> = v.pipe(
  v.string(),
  v.check((s) => s.trim() !== "", "this text is empty\nwrite something, or remove the key"),
);

/** A path of this host, relative to the site file or absolute. No system call takes one with a NUL in it. */
export const PATH: Leaf<string> = v.pipe(
  TEXT as v.GenericSchema<string, string>,
  v.check(
    (s) => !s.includes("\0"),
    (i) => `${quote(i.input)} is not a path\nremove the NUL character from it`,
  ),
) as unknown as Leaf<string>;

/** An IPv4 address of a host: neither 0.0.0.0, loopback, multicast nor beyond. */
export const IPV4: Leaf<Ipv4> = v.pipe(
  v.string((i) => `${shown(i.input)} is not an IPv4 address\n${IPV4_CURE}`),
  v.check(
    (s) => parseIpv4(s) !== undefined,
    (i) => `${quote(i.input)} is not an IPv4 address\n${IPV4_CURE}`,
  ),
  v.check(
    (s) => isHostAddress(parseIpv4(s) ?? 1 << 24),
    (i) => `${i.input} is not the address of a host\nwrite an address outside 0/8, 127/8 and 224/3`,
  ),
  v.transform((s) => parseIpv4(s) ?? 0),
);

/** "192.168.77.1/24" */
export interface Prefix {
  readonly address: Ipv4;
  readonly prefixLen: number;
}

/** Our address with the length of the rack's prefix. */
export const PREFIX: Leaf<Prefix> = v.pipe(
  v.string((i) => `${shown(i.input)} is not an address with a prefix length\n${PREFIX_CURE}`),
  v.check(
    (s) => parsePrefix(s) !== undefined,
    (i) => `${quote(i.input)} is not an address with a prefix length\n${PREFIX_CURE}`,
  ),
  v.check(
    (s) => isOwnAddress(parsePrefix(s)),
    (i) => `${i.input} is a network or broadcast address, or no host's\n${PREFIX_CURE}`,
  ),
  v.transform((s) => parsePrefix(s) ?? { address: 0, prefixLen: 0 }),
);

/** A MAC address as normalised text: of one interface, neither a group's nor all zeros. */
export const MAC: Leaf<MacText> = v.pipe(
  v.string((i) => `${shown(i.input)} is not a MAC address\n${MAC_CURE}`),
  v.check(
    (s) => parseMac(s) !== undefined,
    (i) => `${quote(i.input)} is not a MAC address\n${MAC_CURE}`,
  ),
  v.check(
    (s) => isInterfaceMac(parseMac(s)),
    (i) => `${i.input} is not the address of one interface\nread it off the machine: ${MAC_CURE}`,
  ),
  v.transform((s) => formatMac(parseMac(s) ?? new Uint8Array())),
);

/** 64 hex digits, made lower-case. */
export const SHA256: Leaf<string> = v.pipe(
  v.string((i) => `${shown(i.input)} is not a SHA-256 digest\n${SHA256_CURE}`),
  v.check(
    (s) => /^[0-9a-fA-F]{64}$/.test(s),
    (i) => `${quote(i.input)} is not a SHA-256 digest\n${SHA256_CURE}`,
  ),
  v.transform((s) => s.toLowerCase()),
);

/** What assets and profiles are called. */
export const NAME: Leaf<string> = text(
  (s) => /^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(s) && s.length <= 100,
  "a name",
  NAME_CURE,
);

/** A file's name as clients ask for it. */
export const FILE_NAME: Leaf<string> = text(isFileName, "a file name to serve", FILE_NAME_CURE);

/** An absolute path as NFS clients mount it. RFC 1094 section 2.2 limits paths to 1024 octets, BOOTP to 64. */
export const ABS_PATH: Leaf<string> = text(isAbsPath, "an absolute path", ABS_PATH_CURE);

/** RFC 1123 section 2.1 host names; not text that reads as an address. */
export const HOSTNAME: Leaf<string> = text(isHostname, "a host name", HOSTNAME_CURE);

/** Linux interface names: 15 octets, no slash or space. */
export const INTERFACE: Leaf<string> = text(
  (s) => /^[^\s/]{1,15}$/.test(s) && s !== "." && s !== "..",
  "a network interface",
  'write a name as "ip link" shows it: eth0',
);

/** Keys of `vars`: what Liquid takes as a variable. */
export const VARIABLE: Leaf<string> = text(
  (s) => /^[A-Za-z_][A-Za-z0-9_-]*$/.test(s),
  "a variable name",
  "use letters, digits, underscores and dashes, a letter first",
);

/** Keys of `bootparams`: what GETFILE asks for. */
export const BOOT_KEY: Leaf<string> = text(
  (s) => /^[A-Za-z][A-Za-z0-9_]{0,31}$/.test(s),
  "a bootparams key",
  "use letters, digits and underscores, a letter first: root, swap, dump, install",
);

/** Values of `vars`. */
export const SCALAR: Leaf<Scalar> = v.custom<Scalar>(
  (x) => typeof x === "string" || typeof x === "boolean" || Number.isFinite(x),
  "a variable is text, a number, true or false\nwrite one of these; give what has parts a variable for each part",
);

/** Whether an absolute path is written plainly. */
export function isAbsPath(s: string): boolean {
  return s === "/" || (s.startsWith("/") && s.length <= 255 && isFileName(s.slice(1)));
}

function isFileName(s: string): boolean {
  if (!/^[\x20-\x5b\x5d-\x7e]{1,255}$/.test(s)) return false;
  return s.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function isHostname(s: string): boolean {
  if (s.length > 253 || parseIpv4(s) !== undefined) return false;
  return s.split(".").every((label) => /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/.test(label));
}

function isHostAddress(a: Ipv4): boolean {
  const first = a >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

function parsePrefix(s: string): Prefix | undefined {
  const [text = "", len = "", ...more] = s.split("/");
  const address = parseIpv4(text);
  if (address === undefined || more.length > 0 || !/^[1-9]\d?$/.test(len)) return undefined;
  const prefixLen = Number(len);
  return prefixLen >= 8 && prefixLen <= 30 ? { address, prefixLen } : undefined;
}

function isOwnAddress(p: Prefix | undefined): boolean {
  if (p === undefined) return false;
  const host = p.address & ~maskOf(p.prefixLen);
  return isHostAddress(p.address) && host !== 0 && host !== ~maskOf(p.prefixLen);
}

function isInterfaceMac(mac: Uint8Array | undefined): boolean {
  return mac !== undefined && ((mac[0] ?? 1) & 1) === 0 && mac.some((b) => b !== 0);
}

/** Text that a test accepts; `what` says what it is: "a host name". */
export function text(test: (s: string) => boolean, what: string, cure: string): Leaf<string> {
  return parsed(what, cure, (s) => (test(s) ? s : undefined));
}

/** Why a text is not what it should be, where the leaf's usual words would not help. */
export class Wrong {
  readonly message: string;
  readonly cure: string;

  /** Both on one line each. `message` repeats nothing that may be a credential. */
  constructor(message: string, cure: string) {
    this.message = message;
    this.cure = cure;
  }
}

/** Text that `parse` makes something of. Undefined stands for the usual words: "… is not `what`", and `cure`. */
export function parsed<T>(
  what: string,
  cure: string,
  parse: (s: string) => T | Wrong | undefined,
): Leaf<T> {
  return v.pipe(
    v.string((i) => `${shown(i.input)} is not ${what}\n${cure}`),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const result = parse(dataset.value);
      if (result !== undefined && !isWrong(result)) return result;
      const usual = new Wrong(`${quote(dataset.value)} is not ${what}`, cure);
      const { message, cure: how } = isWrong(result) ? result : usual;
      addIssue({ message: `${message}\n${how}` });
      return NEVER;
    }),
  );
}

function isWrong(x: unknown): x is Wrong {
  return x instanceof Wrong;
}

/** One of a few words. `meant`: what people write for one of them that is not near it by its letters. */
export function oneOf<T extends string>(
  words: readonly T[],
  what: string,
  meant: ReadonlyMap<string, T> = new Map(),
): Leaf<T> {
  const cure = `write one of ${words.join(", ")}`;
  return parsed<T>(what, cure, (s) => {
    const word = words.find((known) => known === s);
    if (word !== undefined) return word;
    const guess = meant.get(s.toLowerCase());
    const better = guess === undefined ? didYouMean(s, words, cure) : `did you mean "${guess}"?`;
    return new Wrong(`${quote(s)} is not ${what}`, better);
  });
}

/** A value of a wrong type, in words. Numbers as JavaScript writes them: the source line shows what was written. */
export function shown(x: unknown): string {
  if (x === null || x === undefined) return "no value";
  if (Array.isArray(x)) return "a list";
  if (typeof x === "object") return "a map";
  if (typeof x === "string") return `the text ${quote(x)}`;
  return `the ${typeof x === "number" ? "number " : "value "}${String(x)}`;
}
