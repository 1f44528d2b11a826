import { decode } from "dns-packet";
import { type DnsRecord, readRecords } from "../../agent/discovery/mdns/record.ts";
import type { Octets } from "../../protocols/wire/octets.ts";

/** What our reader makes of an mDNS message, for pages that show one. */
export function exampleMdns(o: Octets): Readonly<Record<string, string>> {
  const packet = decode(Buffer.from(o.u8));
  const answers = readRecords(packet.answers);
  const each = (text: (r: DnsRecord) => string): string => answers.map(text).join(", ");
  return {
    type: packet.type ?? "",
    questions: (packet.questions ?? []).map(({ name, type }) => `${type} ${name}`).join(", "),
    answers: each(({ name, type }) => `${type} ${name}`),
    ttl: each(({ ttl }) => String(ttl)),
    flush: each(({ flush }) => String(flush)),
    txt: answers
      .flatMap((r) => (r.type === "TXT" ? r.data.map((s) => Buffer.from(s).toString()) : []))
      .join(" "),
  };
}
