import { createHash } from "node:crypto";
import { TFTP_HEADER_LEN, TftpOpcode } from "../../protocols/tftp/packet.ts";
import type { DecodedMessage, Fields, FieldValue } from "../capture/message.ts";

/** A message as the replay compares it: what the dissector found, HTTP besides, and file data as a digest. */
export interface ReplayMessage {
  readonly frame: number;
  readonly time: string | null;
  readonly protocol: DecodedMessage["protocol"] | "http";
  readonly status: string;
  readonly fields: Fields;
  readonly from: string;
  readonly to: string;
}

/** Hex digits of a digest that are shown: enough to tell two contents apart. */
const DIGEST_LEN = 16;

/** The digest of file data, as it is shown. */
export function digestOf(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex").slice(0, DIGEST_LEN);
}

/** A digest of octets that come in pieces. */
export class RunningDigest {
  private readonly hash = createHash("sha256");

  add(octets: Uint8Array): void {
    this.hash.update(octets);
  }

  text(): string {
    return this.hash.digest("hex").slice(0, DIGEST_LEN);
  }
}

/** A dissected message with its file data replaced by the data's digest. `payload`: of the datagram, for TFTP. */
export function replayMessage(m: DecodedMessage, payload: Uint8Array | undefined): ReplayMessage {
  const { frame, time, protocol, status, from, to } = m;
  const { data, ...rest } = m.fields;
  const fields =
    typeof data === "string" ? { ...rest, sha256: digestOf(Buffer.from(data, "hex")) } : m.fields;
  const message = { frame, time, protocol, status, fields, from, to };
  if (protocol !== "tftp" || fieldOf(message, "opcode") !== TftpOpcode.Data || !payload) {
    return message;
  }
  return { ...message, fields: { ...fields, sha256: digestOf(payload.subarray(TFTP_HEADER_LEN)) } };
}

/** A field of a message; undefined when it has none of that name. */
export function fieldOf(m: { readonly fields: Fields }, name: string): FieldValue | undefined {
  return m.fields[name];
}

/** The address in "address:port". */
export function addressOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(":"));
}
