import type { Content } from "../../content.ts";
import { borrow, fill, type Loan } from "../../loan.ts";

/** Octets of an image that a file is, and how it is called. */
export interface ImageWindow {
  readonly at: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly path: string;
}

/**
 * A file within an image. Its chunks are the image's own, so that no octet is in memory twice or copied: `base` says where in the
 * first of them it begins.
 */
export class ImageFile implements Content {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly chunkLen: number;
  readonly base: number;
  private readonly image: Content;
  private readonly window: ImageWindow;
  private readonly first: number;
  private readonly failed: (error: unknown) => void;

  /** `failed` is told why a chunk could not be read. */
  constructor(image: Content, window: ImageWindow, failed: (error: unknown) => void) {
    this.image = image;
    this.window = window;
    this.name = window.path;
    this.size = window.size;
    this.mtimeMs = window.mtimeMs;
    this.chunkLen = image.chunkLen;
    this.first = Math.floor(window.at / image.chunkLen);
    this.base = window.at - this.first * image.chunkLen;
    this.failed = failed;
  }

  /** Begins with the image's: whoever reads the file is reading the image. */
  get etag(): string {
    return `${this.image.etag}-${this.window.at}-${this.size}`;
  }

  peek(index: number): Uint8Array | undefined {
    return this.image.peek(this.first + index);
  }

  load(index: number): Promise<Uint8Array> {
    return this.watched(this.image.load(this.first + index));
  }

  borrow(index: number): Loan | undefined {
    return borrow(this.image, this.first + index);
  }

  fill(index: number): Promise<unknown> | undefined {
    const filling = fill(this.image, this.first + index);
    return filling && this.watched(filling);
  }

  private watched<T>(reading: Promise<T>): Promise<T> {
    return reading.catch((error: unknown) => {
      this.failed(error);
      throw error;
    });
  }
}
