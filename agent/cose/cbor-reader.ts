import { ARRAY, BYTES, FALSE, MAP, NEGATIVE, TAG, TEXT, TRUE, UINT } from "./cbor-writer.ts";

/** The octets are not what was asked for. Whoever opens a message turns it into the error of that message. */
export class CborMismatch extends Error {}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes one item after the other, each of the kind that is asked for, from CBOR in its deterministic encoding (RFC 8949
 * section 4.2.1). Nothing is decoded that nobody asked for, so what octets claim of their lengths and depth costs nothing.
 *
 * Everything throws {@link CborMismatch}, and nothing else.
 */
export class CborReader {
  private readonly octets: Uint8Array;
  private at = 0;

  constructor(octets: Uint8Array) {
    this.octets = octets;
  }

  /** The item at hand is of this major type. */
  isNext(major: number): boolean {
    return (this.octets[this.at] ?? 0xff) >> 5 === major;
  }

  tag(): number {
    return this.head(TAG, "a tag");
  }

  uint(): number {
    return this.head(UINT, "a whole number");
  }

  int(): number {
    return this.isNext(NEGATIVE) ? -1 - this.head(NEGATIVE, "a number") : this.uint();
  }

  bool(): boolean {
    const octet = this.octets[this.at++];
    if (octet !== TRUE && octet !== FALSE) throw new CborMismatch("true or false was expected");
    return octet === TRUE;
  }

  /** A window on the octets, not a copy. */
  bytes(maxLen: number): Uint8Array {
    return this.window(BYTES, maxLen, "octets");
  }

  /** `maxLen`: in octets of UTF-8. */
  text(maxLen: number): string {
    const octets = this.window(TEXT, maxLen, "text");
    try {
      return UTF8.decode(octets);
    } catch {
      throw new CborMismatch("a text is not UTF-8");
    }
  }

  /** Entries that follow. */
  array(max: number): number {
    return this.counted(ARRAY, max, "a list");
  }

  /** Pairs that follow. */
  map(max: number): number {
    return this.counted(MAP, max, "a map");
  }

  /**
   * A map with text keys: `take` reads the value of each. Keys come in the order of their octets, so that none is there twice.
   */
  fields(max: number, maxKeyLen: number, take: (key: string) => void): void {
    let before: Uint8Array | undefined;
    for (let left = this.map(max); left > 0; left--) {
      const start = this.at;
      const key = this.text(maxKeyLen);
      const encoded = this.octets.subarray(start, this.at);
      if (before !== undefined && Buffer.compare(before, encoded) >= 0) {
        throw new CborMismatch("the keys of a map are not in order");
      }
      before = encoded;
      take(key);
    }
  }

  /** Nothing may follow. */
  end(): void {
    if (this.at !== this.octets.length) throw new CborMismatch("something follows");
  }

  private window(major: number, maxLen: number, what: string): Uint8Array {
    const len = this.head(major, what);
    if (len > maxLen) throw new CborMismatch(`${what} of more than ${maxLen} octets`);
    if (len > this.octets.length - this.at) throw new CborMismatch("it is cut off");
    this.at += len;
    return this.octets.subarray(this.at - len, this.at);
  }

  private counted(major: number, max: number, what: string): number {
    const count = this.head(major, what);
    if (count > max) throw new CborMismatch(`${what} of more than ${max} entries`);
    return count;
  }

  private head(major: number, what: string): number {
    const first = this.octets[this.at];
    if (first === undefined) throw new CborMismatch("it is cut off");
    if (first >> 5 !== major) throw new CborMismatch(`${what} was expected`);
    const info = first & 31;
    this.at++;
    if (info < 24) return info;
    if (info > 27) throw new CborMismatch("a length is indefinite or reserved");
    const len = 1 << (info - 24);
    let argument = 0;
    for (const end = this.at + len; this.at < end; this.at++) {
      const octet = this.octets[this.at];
      if (octet === undefined) throw new CborMismatch("it is cut off");
      argument = argument * 0x100 + octet;
    }
    if (!Number.isSafeInteger(argument)) throw new CborMismatch("a number is too large");
    const least = len === 1 ? 24 : 2 ** (4 * len);
    if (argument < least) throw new CborMismatch("a number is longer than it must be");
    return argument;
  }
}
