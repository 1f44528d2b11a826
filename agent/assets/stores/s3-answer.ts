/** What an S3 store says in the body of an error; "" where it says nothing. */
export interface S3Answer {
  /** "NoSuchKey", "SignatureDoesNotMatch"; the table is in the S3 API reference under "Error responses". */
  readonly code: string;
  /** In the store's words. */
  readonly message: string;
  /** The region that the bucket is in. */
  readonly region: string;
  /** The host that the bucket is at. */
  readonly endpoint: string;
}

/** Longest answer that is read. Real ones have a few hundred octets, with SignatureDoesNotMatch up to 4 KiB. */
export const MAX_ANSWER_OCTETS: number = 64 * 1024;

const MAX_FIELD = 1024;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

/** Reads an error's body. Whatever is not an S3 error gives empty fields; nothing throws. */
export function parseS3Answer(xml: string): S3Answer {
  // Gateways answer in HTML, and a page may hold anything.
  const own = /<(?:\w{1,16}:)?Error[\s>]/.test(xml) ? xml : "";
  return {
    code: xmlField(own, "Code").replace(/[^A-Za-z0-9.]/g, ""),
    message: xmlField(own, "Message"),
    region: xmlField(own, "Region"),
    endpoint: xmlField(own, "Endpoint"),
  };
}

/**
 * The text of the first element of that name, in whatever namespace; "" when there is none, when it has elements of its own or
 * more than 1024 characters. No XML parser: what S3 says is flat, and entities are expanded once, by hand, without a DTD.
 * Control characters become spaces: the text goes to terminals.
 */
export function xmlField(xml: string, name: string): string {
  const start = new RegExp(`<(?:\\w{1,16}:)?${name}(?:\\s[^<>]{0,256})?>`).exec(xml);
  if (start === null) return "";
  const from = start.index + start[0].length;
  const end = xml.indexOf("<", from);
  if (end < 0 || end - from > MAX_FIELD || xml[end + 1] !== "/") return "";
  return xml
    .slice(from, end)
    .replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|[a-z]{2,4});/g, (all, entity: string) =>
      entityText(entity, all),
    )
    .replace(/\p{Cc}+/gu, " ")
    .trim();
}

/** Text as the content of an XML element. */
export function xmlText(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function entityText(entity: string, all: string): string {
  if (!entity.startsWith("#")) return ENTITIES[entity] ?? all;
  const hex = entity[1] === "x";
  const code = Number.parseInt(entity.slice(hex ? 2 : 1), hex ? 16 : 10);
  return code > 0x10ffff ? all : String.fromCodePoint(code);
}
