import { decode } from "dns-packet";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import type { Fields, FieldValue, MessageSink } from "./message.ts";

/** RFC 6762 */
export const MDNS_PORT = 5353;

const HEADER_LEN = 12;
/** The largest message, headers included (RFC 6762 section 17). */
const MAX_LEN = 9_000;
/** Octets of the shortest question and the shortest record. */
const QUESTION_LEN = 5;
const RECORD_LEN = 11;
/** Records hold records (OPT, RRSIG lists); deeper than this is nothing that a packet has. */
const MAX_DEPTH = 6;

/** Shows one mDNS message. The library throws at what is malformed: that is `bad-length`, since offsets are what fails. */
export function takeMdns(sink: MessageSink, o: Octets, at: number, len: number): void {
  if (len < HEADER_LEN) {
    sink.put("mdns", Status.Truncated, {});
    return;
  }
  const { dv } = o;
  const id = dv.getUint16(at);
  const questions = dv.getUint16(at + 4);
  const records = dv.getUint16(at + 6) + dv.getUint16(at + 8) + dv.getUint16(at + 10);
  if (len > MAX_LEN) {
    sink.put("mdns", Status.TooMany, { id });
    return;
  }
  // The library makes room for as many items as the header claims.
  if (HEADER_LEN + questions * QUESTION_LEN + records * RECORD_LEN > len) {
    sink.put("mdns", Status.Truncated, { id });
    return;
  }
  try {
    const { u8 } = o;
    const packet = decode(Buffer.from(u8.buffer, u8.byteOffset + at, len));
    const fields: Fields = {
      id,
      type: packet.type ?? "query",
      flags: packet.flags ?? 0,
      questions: plain(packet.questions, MAX_DEPTH),
      answers: plain(packet.answers, MAX_DEPTH),
      authorities: plain(packet.authorities, MAX_DEPTH),
      additionals: plain(packet.additionals, MAX_DEPTH),
    };
    sink.put("mdns", Status.Ok, fields);
  } catch {
    sink.put("mdns", Status.BadLength, { id });
  }
}

/** What the library gives as something that JSON can say: octets become hex. */
function plain(value: unknown, depth: number): FieldValue {
  if (value === null || value === undefined || depth === 0) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map((item) => plain(item, depth - 1));
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v, depth - 1)]));
  }
  return typeof value === "number" || typeof value === "boolean" ? value : String(value);
}
