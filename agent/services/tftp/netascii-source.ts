import { NetasciiBlocks } from "../../../protocols/tftp/netascii-blocks.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Content } from "../../assets/content.ts";
import { borrowRange, giveAllBack, type Loan } from "../../assets/loan.ts";

/** A content as netascii, converted into each packet when it is sent. */
export class NetasciiSource {
  private readonly content: Content;
  private readonly blksize: number;
  private readonly blocks: NetasciiBlocks;

  constructor(content: Content, blksize: number, windowsize: number) {
    this.content = content;
    this.blksize = blksize;
    this.blocks = new NetasciiBlocks(content.size, blksize, windowsize);
  }

  /**
   * Writes block `n`, counted from 1 without wrapping; returns its octets: fewer than a block has at the end of the text.
   * Negative: chunk `-1 - result` of the content must be in memory first.
   */
  emit(n: number, dst: Octets, dstAt: number): number {
    const { blocks, blksize } = this;
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    const missing = borrowRange(this.content, blocks.startOf(n), blocks.needOf(n), pieces, loans);
    if (missing >= 0) return -1 - missing;
    blocks.begin(n);
    let used = 0;
    // Without a piece a half pair may still wait.
    let len = blocks.add(dst, 0, 0, dst, dstAt, blksize);
    for (const piece of pieces) {
      if (len === blksize) break;
      const src = new Octets(piece);
      len += blocks.add(src, 0, piece.length, dst, dstAt + len, blksize - len);
      used += blocks.consumed;
    }
    giveAllBack(loans);
    blocks.end(n, used);
    return len;
  }
}
