import { lower } from "./record.ts";

/** Octets of one label (RFC 1035 section 2.3.4). */
const MAX_LABEL_LEN = 63;
/** Letters of the fingerprint in the name of a host. */
const TAIL_LEN = 4;

/** Where multicast DNS lives (RFC 6762 section 3). */
export const LOCAL = "local";
/** The name below which all types of service are listed (RFC 6763 section 9). */
export const ALL_SERVICES: string = `_services._dns-sd._udp.${LOCAL}`;

/** "_pilotlight._tcp" in a domain. */
export function serviceName(service: string, domain: string = LOCAL): string {
  return `${service}.${domain}`;
}

/**
 * The label that a service instance wants to have: at most 63 octets, without control characters.
 *
 * A dot would be legal in it (RFC 6763 section 4.1.1), but `dns-packet` takes any dot for the end of a label: it becomes "-".
 * `n` above 1: the name of that number after conflicts, as "rack7 (2)" (RFC 6762 section 9).
 */
export function instanceLabel(name: string, n: number = 1): string {
  const clean = name
    .replace(/\p{Cc}/gu, "")
    .replaceAll(".", "-")
    .trim();
  const suffix = n > 1 ? ` (${n})` : "";
  return cutTo(clean === "" ? "pilotlight" : clean, MAX_LABEL_LEN - suffix.length) + suffix;
}

/** The label of our host: letters, digits and hyphens of the name, and four letters of the fingerprint, so that it is rare. */
export function hostLabel(name: string, fingerprint: string, n: number = 1): string {
  const clean = lower(name)
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const tail = `-${fingerprint.slice(0, TAIL_LEN)}${n > 1 ? `-${n}` : ""}`;
  return cutTo(clean === "" ? "pilotlight" : clean, MAX_LABEL_LEN - tail.length) + tail;
}

/** The instance label of "LABEL._pilotlight._tcp.local"; undefined for a name that does not end so. */
export function instanceOf(
  fullName: string,
  service: string,
  domain: string = LOCAL,
): string | undefined {
  const end = `.${serviceName(service, domain)}`;
  const label = fullName.slice(0, -end.length);
  return label !== "" && lower(fullName).endsWith(lower(end)) ? label : undefined;
}

/** The text cut to so many octets of UTF-8, no character torn. */
export function cutTo(text: string, len: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > len) cut = [...cut].slice(0, -1).join("");
  return cut;
}
