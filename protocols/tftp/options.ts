import { type Ipv4, parseIpv4 } from "../wire/ipv4-address.ts";
import type { TftpOptionRepr, TftpView } from "./packet.ts";

/** Octets a block may have (RFC 2348 section 2). */
export const TFTP_MIN_BLKSIZE = 8;
export const TFTP_MAX_BLKSIZE = 65_464;
/** Seconds (RFC 2349 section 2). */
export const TFTP_MAX_TIMEOUT_S = 255;
/** Blocks a window may have (RFC 7440 section 3). */
export const TFTP_MAX_WINDOWSIZE = 65_535;

/**
 * The options that a request or an OACK holds and that are well formed.
 *
 * RFC 2347 makes an option that is unknown or malformed one that was not sent, so such options are absent here.
 */
export interface TftpOptions {
  /** Octets a block, 8 or more (RFC 2348). A client may ask for more than 65464: a server answers with less. */
  readonly blksize?: number;
  /** Octets of the file; 0 in a read request (RFC 2349). */
  readonly tsize?: number;
  /** Seconds until a retransmission, 1 to 255 (RFC 2349). */
  readonly timeout?: number;
  /** Blocks sent before an ACK is due, 1 to 65535 (RFC 7440). */
  readonly windowsize?: number;
  /** RFC 2090. Decoded for the journal; a server that leaves it out of its OACK gives an ordinary transfer. */
  readonly multicast?: TftpMulticast;
}

/** The multicast option (RFC 2090): all empty in a request, "address,port,master" in an OACK. */
export interface TftpMulticast {
  /** Undefined when the field is empty: "as before". */
  readonly address: Ipv4 | undefined;
  readonly port: number | undefined;
  /** Whether this client is the one that acknowledges. */
  readonly master: boolean;
}

/** Reads the well-formed options of a request or an OACK. Once a transfer: it allocates. */
export function readTftpOptions(v: TftpView): TftpOptions {
  const blksize = decimal(v.optionValue("blksize"), TFTP_MIN_BLKSIZE, 0xffff_ffff);
  const tsize = decimal(v.optionValue("tsize"), 0, Number.MAX_SAFE_INTEGER);
  const timeout = decimal(v.optionValue("timeout"), 1, TFTP_MAX_TIMEOUT_S);
  const windowsize = decimal(v.optionValue("windowsize"), 1, TFTP_MAX_WINDOWSIZE);
  const multicast = parseTftpMulticast(v.optionValue("multicast"));
  return {
    ...(blksize === undefined ? {} : { blksize }),
    ...(tsize === undefined ? {} : { tsize }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(windowsize === undefined ? {} : { windowsize }),
    ...(multicast === undefined ? {} : { multicast }),
  };
}

/** The options as texts, in the order in which dnsmasq and atftpd write theirs. Multicast only asks (empty value). */
export function tftpOptionReprs(options: TftpOptions): TftpOptionRepr[] {
  const list: TftpOptionRepr[] = [];
  const { blksize, tsize, timeout, windowsize, multicast } = options;
  if (timeout !== undefined) list.push({ name: "timeout", value: String(timeout) });
  if (blksize !== undefined) list.push({ name: "blksize", value: String(blksize) });
  if (tsize !== undefined) list.push({ name: "tsize", value: String(tsize) });
  if (windowsize !== undefined) list.push({ name: "windowsize", value: String(windowsize) });
  if (multicast !== undefined) list.push({ name: "multicast", value: "" });
  return list;
}

/** Reads the value of the multicast option (RFC 2090 section 3); undefined when absent or malformed. */
export function parseTftpMulticast(text: string | undefined): TftpMulticast | undefined {
  if (text === undefined) return undefined;
  if (text === "") return { address: undefined, port: undefined, master: false };
  const [addressText, portText, masterText, ...rest] = text.split(",");
  if (addressText === undefined || portText === undefined || rest.length > 0) return undefined;
  const address = addressText === "" ? undefined : parseIpv4(addressText);
  const port = portText === "" ? undefined : decimal(portText, 1, 0xffff);
  if (addressText !== "" && address === undefined) return undefined;
  if (portText !== "" && port === undefined) return undefined;
  if (masterText !== "0" && masterText !== "1") return undefined;
  return { address, port, master: masterText === "1" };
}

/** Plain decimal digits within a range. Signs, spaces, hex and fractions are malformed. */
function decimal(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const n = Number(text);
  return n >= min && n <= max ? n : undefined;
}
