/** Continuations of one record at most; a circle of them ends there. */
export const MAX_CONTINUATIONS = 32;
/** A name or a link at most, octets. */
const MAX_TEXT = 4_096;

/** Where a record's fields go on. */
export interface Continuation {
  readonly block: number;
  readonly offset: number;
  readonly len: number;
}

/** What the fields of a record say (SUSP 1.12, RRIP 1.12), gathered over its continuations. */
export class RockRidge {
  /** The name; undefined where there is none. */
  name: string | undefined;
  /** Where a symlink leads; undefined for what is none. */
  link: string | undefined;
  /** File type and permissions, as stat(2) has them; undefined where there are none. */
  mode: number | undefined;
  /** The block of a directory that was moved, and belongs here. */
  child: number | undefined;
  /** Whether this is such a directory at the place that it was moved to. */
  isMoved = false;
  /** Whether the content is compressed (zisofs). */
  isCompressed = false;
  /** Octets that are passed over before the fields of every record; of the root's first record alone. */
  skip: number | undefined;
  private isPartOpen = false;

  /** Reads fields: signature 2, length 1, version 1, data. Gives where they go on. Stops at what is not a field. */
  read(fields: Uint8Array): Continuation | undefined {
    let next: Continuation | undefined;
    const dv = new DataView(fields.buffer, fields.byteOffset, fields.length);
    for (let at = 0; at + 4 <= fields.length; ) {
      const len = dv.getUint8(at + 2);
      if (len < 4 || at + len > fields.length) break;
      const signature = String.fromCharCode(dv.getUint8(at), dv.getUint8(at + 1));
      if (signature === "ST") break;
      const data = fields.subarray(at + 4, at + len);
      if (signature === "CE" && len >= 28) {
        next = {
          block: dv.getUint32(at + 4, true),
          offset: dv.getUint32(at + 12, true),
          len: dv.getUint32(at + 20, true),
        };
      } else {
        this.field(signature, data);
      }
      at += len;
    }
    return next;
  }

  private field(signature: string, data: Uint8Array): void {
    const word = new DataView(data.buffer, data.byteOffset, data.length);
    if (signature === "SP" && data[0] === 0xbe && data[1] === 0xef) this.skip = data[2] ?? 0;
    else if (signature === "NM") this.addName(data);
    else if (signature === "SL") this.addLink(data);
    else if (signature === "PX" && data.length >= 4) this.mode = word.getUint32(0, true);
    else if (signature === "CL" && data.length >= 4) this.child = word.getUint32(0, true);
    else if (signature === "RE") this.isMoved = true;
    else if (signature === "ZF") this.isCompressed = true;
  }

  /** Flags 1, then a part of the name. The flags 2 and 4 are `.` and `..`, which have no name here. */
  private addName(data: Uint8Array): void {
    if (((data[0] ?? 0) & 6) !== 0) return;
    this.name = ((this.name ?? "") + utf8(data.subarray(1))).slice(0, MAX_TEXT);
  }

  /** Flags 1, then components: flags 1 (1 goes on, 2 `.`, 4 `..`, 8 root), length 1, text. */
  private addLink(data: Uint8Array): void {
    let link = this.link ?? "";
    for (let at = 1; at + 2 <= data.length; ) {
      const flags = data[at] ?? 0;
      const len = data[at + 1] ?? 0;
      if (link !== "" && !this.isPartOpen && !link.endsWith("/")) link += "/";
      if ((flags & 8) !== 0) link = "/";
      else if ((flags & 4) !== 0) link += "..";
      else if ((flags & 2) !== 0) link += ".";
      else link += utf8(data.subarray(at + 2, at + 2 + len));
      this.isPartOpen = (flags & 1) !== 0;
      at += 2 + len;
    }
    this.link = link.slice(0, MAX_TEXT);
  }
}

function utf8(octets: Uint8Array): string {
  return new TextDecoder().decode(octets);
}
