import { once } from "node:events";
import pcap from "pcap";

/** A frame as a reader gives it. */
export interface ReadFrame {
  readonly seconds: number;
  readonly micros: number;
  /** Octets on the wire; `frame` has fewer when it was cut off. */
  readonly originalLen: number;
  readonly frame: Buffer;
}

// What the binding copies of libpcap's record header: four numbers in the byte order of the machine.
const SECONDS = 0;
const MICROS = 4;
const CAPTURED_LEN = 8;
const ORIGINAL_LEN = 12;

/** All frames of a capture file, read by libpcap: the second opinion on our own reader. */
export async function readWithNodePcap(file: string): Promise<readonly ReadFrame[]> {
  const frames: ReadFrame[] = [];
  const session = pcap.createOfflineSession(file, {});
  session.on("packet", ({ buf, header }: { buf: Buffer; header: Buffer }) => {
    frames.push({
      seconds: header.readUInt32LE(SECONDS),
      micros: header.readUInt32LE(MICROS),
      originalLen: header.readUInt32LE(ORIGINAL_LEN),
      frame: Buffer.from(buf.subarray(0, header.readUInt32LE(CAPTURED_LEN))),
    });
  });
  await once(session, "complete");
  session.close();
  return frames;
}
