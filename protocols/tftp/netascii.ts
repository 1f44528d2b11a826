import type { Octets } from "../wire/octets.ts";

const LF = 0x0a;
const CR = 0x0d;
const NUL = 0x00;
const NONE = -1;

/**
 * Turns a Unix text into netascii (RFC 1350 section 1, RFC 764): LF becomes CR LF, CR becomes CR NUL.
 *
 * Streams: a pair that does not fit the output is finished by the next call, as block boundaries split pairs. After a call
 * `consumed` says how many input octets were used up. A text is complete when all input is consumed and `pending` is false.
 */
export class NetasciiEncoder {
  /** Input octets that the last call used. */
  consumed = 0;
  private held: number = NONE;

  /** Whether the second octet of a pair still waits for room. */
  get pending(): boolean {
    return this.held !== NONE;
  }

  /** The second octet that waits, to be handed to `resume` later; -1: none does. */
  get half(): number {
    return this.held;
  }

  /** Goes on at another place of the text, where this second octet waited. */
  resume(half: number): void {
    this.held = half;
    this.consumed = 0;
  }

  /** Forgets a half pair: for a new text, or one read again from its start. */
  restart(): void {
    this.held = NONE;
    this.consumed = 0;
  }

  /** Encodes from `src` into at most `room` octets of `dst`; returns octets written. */
  encode(src: Octets, at: number, len: number, dst: Octets, dstAt: number, room: number): number {
    let from = at;
    let to = dstAt;
    const fromEnd = at + len;
    const toEnd = dstAt + room;
    if (this.held !== NONE && to < toEnd) {
      dst.u8[to++] = this.held;
      this.held = NONE;
    }
    while (from < fromEnd && to < toEnd) {
      const c = src.u8[from++] ?? 0;
      if (c !== LF && c !== CR) {
        dst.u8[to++] = c;
        continue;
      }
      dst.u8[to++] = CR;
      const second = c === LF ? LF : NUL;
      if (to < toEnd) dst.u8[to++] = second;
      else this.held = second;
    }
    this.consumed = from - at;
    return to - dstAt;
  }
}

/** Octets that a text has in netascii. */
export function netasciiLen(o: Octets, at: number, len: number): number {
  let total = len;
  for (let i = at; i < at + len; i++) {
    const c = o.u8[i];
    if (c === LF || c === CR) total += 1;
  }
  return total;
}

/**
 * Turns netascii back: CR LF becomes LF, CR NUL becomes CR. Streams: a CR at the end of a block waits for the next one.
 *
 * A CR before anything else is kept as it is; so is a bare LF. The output is never longer than the input and a held CR.
 */
export class NetasciiDecoder {
  private heldCr = false;

  /** Forgets a held CR: for a new text. */
  restart(): void {
    this.heldCr = false;
  }

  /** Decodes `len` octets into `dst`, which needs room for `len + 1`; returns octets written. */
  decode(src: Octets, at: number, len: number, dst: Octets, dstAt: number): number {
    let to = dstAt;
    for (let i = at; i < at + len; i++) {
      const c = src.u8[i] ?? 0;
      if (this.heldCr) {
        this.heldCr = false;
        if (c === LF || c === NUL) {
          dst.u8[to++] = c === LF ? LF : CR;
          continue;
        }
        dst.u8[to++] = CR;
      }
      if (c === CR) this.heldCr = true;
      else dst.u8[to++] = c;
    }
    return to - dstAt;
  }

  /** At the end of the text: writes a CR that nothing followed; returns octets written, 0 or 1. */
  finish(dst: Octets, dstAt: number): number {
    if (!this.heldCr) return 0;
    this.heldCr = false;
    dst.u8[dstAt] = CR;
    return 1;
  }
}
