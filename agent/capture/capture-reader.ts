import { cutOff, notACapture } from "./capture-error.ts";
import { CapturedFrame } from "./captured-frame.ts";
import { FEED_LEN, InputWindow } from "./input-window.ts";
import { isPcapMagic, PcapReader } from "./pcap.ts";
import { isPcapngMagic, PcapngReader } from "./pcapng.ts";

const MAGIC_LEN = 4;
const GZIP = 0x1f8b;

/**
 * Reads a pcap or pcapng file from whatever pieces it comes in, in a fixed amount of memory.
 *
 *     for each piece: reader.feed(piece); while ((frame = reader.next())) …
 *     reader.end(); while ((frame = reader.next())) …
 *
 * A file that is cut off or damaged gives every frame before the damage; then `next` throws E_CAPTURE.
 */
export class CaptureReader {
  private readonly input: InputWindow = new InputWindow();
  private readonly frame: CapturedFrame = new CapturedFrame();
  private format: PcapReader | PcapngReader | undefined;

  /** Appends a piece of at most FEED_LEN octets, once `next` has returned undefined. The last frame is invalid then. */
  feed(piece: Uint8Array): void {
    this.input.feed(piece);
  }

  /** Says that the file has no further octets. */
  end(): void {
    this.input.ended = true;
  }

  /** The next frame, valid until the next call; undefined when more must be fed, or after `end` at the end of the file. */
  next(): CapturedFrame | undefined {
    this.format ??= this.recognise();
    if (this.format === undefined) return undefined;
    if (this.format.next(this.input, this.frame)) return this.frame;
    const { ended, missing, fileOffset } = this.input;
    if (ended && missing > 0) throw cutOff(fileOffset, "a block");
    return undefined;
  }

  private recognise(): PcapReader | PcapngReader | undefined {
    const { input } = this;
    if (!input.has(MAGIC_LEN)) {
      if (!input.ended) return undefined;
      throw input.length === 0
        ? notACapture("the capture is empty", "Capture again; tcpdump needs `-w FILE`.")
        : cutOff(input.fileOffset, "its first four octets");
    }
    const big = input.octets.dv.getUint32(input.at);
    const little = input.octets.dv.getUint32(input.at, true);
    if (isPcapngMagic(big)) return new PcapngReader();
    if (isPcapMagic(big)) return new PcapReader(false);
    if (isPcapMagic(little)) return new PcapReader(true);
    if (big >>> 16 === GZIP) {
      throw notACapture(
        "the capture is compressed",
        "Unpack it: `zcat FILE | pilotlight decode -`.",
      );
    }
    const magic = big.toString(16).padStart(8, "0");
    throw notACapture(
      `the file starts with ${magic}, so it is neither pcap nor pcapng`,
      "Give a capture that tcpdump, dumpcap or Wireshark wrote; `editcap -F pcap OLD NEW` converts others.",
    );
  }
}

/** All frames of a file that comes in pieces of any size. Each is valid until the next is asked for. */
export async function* captureFrames(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<CapturedFrame, void, void> {
  const reader = new CaptureReader();
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; from += FEED_LEN) {
      reader.feed(piece.subarray(from, from + FEED_LEN));
      for (let frame = reader.next(); frame; frame = reader.next()) yield frame;
    }
  }
  reader.end();
  for (let frame = reader.next(); frame; frame = reader.next()) yield frame;
}
