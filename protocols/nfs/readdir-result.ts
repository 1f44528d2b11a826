import { XdrCursor, XdrWriter, xdrPadded } from "../sunrpc/xdr.ts";
import { textLen } from "../sunrpc/xdr-text.ts";
import type { Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { NFS_MAXNAMLEN, NfsStat } from "./constants.ts";

// RFC 1094 section 2.2.17: status, then a linked list of entries (fileid, name, cookie), then whether it is the end.

/** Octets after the last entry: the word that ends the list, and eof. */
const TRAILER_LEN = 8;

/** Octets of a result without entries: status and trailer. A client whose count is below this and one entry gets none. */
export const NFS_READDIR_EMPTY_LEN: number = 4 + TRAILER_LEN;

/**
 * Writes a successful result of READDIR entry by entry: begin, addEntry for as long as it returns true, end.
 *
 * The whole result, status included, is held to the client's count. The RFC leaves open what the count covers; servers have
 * always counted some of the words around the entries, and to count them all is right for every client.
 */
export class ReaddirWriter {
  private readonly w: XdrWriter = new XdrWriter();
  private start = 0;
  private limit = 0;
  private items = 0;

  /** Starts a result of at most `limit` octets: the client's count, or less where a datagram shall not be fragmented. */
  begin(o: Octets, at: number, limit: number): void {
    this.start = at;
    this.limit = Math.min(at + limit, o.u8.length) - TRAILER_LEN;
    this.items = 0;
    this.w.begin(o, at).u32(NfsStat.Ok);
  }

  /** Entries written so far. With none and more to come, the client would ask for the same again and again. */
  get count(): number {
    return this.items;
  }

  /**
   * Adds an entry, or returns false and writes nothing when it does not fit. `name` is of 1 to 255 octets; `cookie` is what
   * the client sends to go on after this entry.
   */
  addEntry(fileid: number, name: Uint8Array, cookie: number): boolean {
    const { w } = this;
    if (w.at + 16 + xdrPadded(name.length) > this.limit) return false;
    w.bool(true).u32(fileid).opaque(name).u32(cookie);
    this.items += 1;
    return true;
  }

  /** The same with a name as text, which is written as UTF-8. */
  addName(fileid: number, name: string, cookie: number): boolean {
    const { w } = this;
    if (w.at + 16 + xdrPadded(textLen(name)) > this.limit) return false;
    w.bool(true).u32(fileid).string(name).u32(cookie);
    this.items += 1;
    return true;
  }

  /** Ends the result; `eof` when the directory has no further entries. Returns octets written since begin. */
  end(eof: boolean): number {
    return this.w.bool(false).bool(eof).at - this.start;
  }
}

/** Re-pointable view of the result of READDIR. Call `next` before each entry. */
export class ReaddirResultView {
  private readonly walk: XdrCursor = new XdrCursor();
  private code = 0;
  private items = 0;
  private last = false;
  private inList = false;
  private id = 0;
  private name = 0;
  private octets = 0;
  private resume = 0;

  /** Walks all entries once; each takes 16 octets at least, so the walk ends where the octets do. */
  reset(o: Octets, at: number, len: number): Status {
    this.begin(o, at, len);
    this.items = 0;
    while (this.next()) this.items += 1;
    this.last = this.code === NfsStat.Ok && this.walk.bool();
    const { status } = this.walk;
    this.begin(o, at, len);
    return status;
  }
  get status(): number {
    return this.code;
  }
  get count(): number {
    return this.items;
  }
  /** Whether the directory ends with these entries; false after an error. */
  get eof(): boolean {
    return this.last;
  }
  /** Steps to the next entry; false after the last. */
  next(): boolean {
    const c = this.walk;
    this.inList = this.inList && c.bool();
    this.id = this.inList ? c.u32() : 0;
    this.name = this.inList ? c.opaqueVar(NFS_MAXNAMLEN) : 0;
    this.octets = this.inList ? c.len : 0;
    this.resume = this.inList ? c.u32() : 0;
    if (c.status !== Status.Ok) this.inList = false;
    return this.inList;
  }
  get fileid(): number {
    return this.id;
  }
  get nameAt(): number {
    return this.name;
  }
  get nameLen(): number {
    return this.octets;
  }
  /** To be sent to go on after this entry. */
  get cookie(): number {
    return this.resume;
  }

  private begin(o: Octets, at: number, len: number): void {
    this.walk.reset(o, at, len);
    this.code = this.walk.u32();
    this.inList = this.code === NfsStat.Ok;
  }
}
