import { createRequire } from "node:module";
import { Octets } from "../../protocols/wire/octets.ts";
import { AgentError } from "../errors.ts";

/**
 * Kernel buffer for frames that wait for us, octets. libpcap gives every frame a slot of 64 KiB where the NIC may hand over
 * merged segments, so this is room for a burst of about 128: a rack that wakes after a power cut.
 */
const KERNEL_BUFFER: number = 8 * 1024 * 1024;
/** Frames with up to two VLAN tags, and jumbo frames that a virtual link may carry. */
const SLAB_LEN = 16_384;
/** As many octets of a frame as libpcap hands over: merged segments, too. */
export const WHOLE_FRAME_LEN = 65_535;

/** Raw Ethernet frames of one interface. */
export interface FrameLane {
  /** Holds the frame that `onFrame` speaks of, from octet 0, until the handler returns. */
  readonly rx: Octets;
  /** Where a frame is emitted before `send`. */
  readonly tx: Octets;
  onFrame(handler: (len: number) => void): void;
  /**
   * Sends the first `len` octets of `tx`; they are taken before it returns. What cannot be sent is lost, as any frame may be:
   * replies may come late, when the lane is closed or the interface is down.
   */
  send(len: number): void;
  close(): void;
}

/** What we use of the `cap` package, which has no types of its own. */
interface Cap {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string;
  on(event: "packet", handler: (len: number, truncated: boolean) => void): void;
  send(buffer: Buffer, len: number): void;
  close(): void;
}

/**
 * Captures that could not be opened. `cap` stops a poll that never began when such an object is collected, and that can end
 * the process by a segmentation fault (seen with libpcap 1.10.5), so they are kept: a command fails at the first.
 */
const FAILED: Cap[] = [];

/**
 * Opens the interface for raw frames (libpcap by `cap`).
 *
 * `filter` is a pcap filter expression. Throws E_CAPABILITY without CAP_NET_RAW, E_INTERFACE when there is no such device
 * or it is not Ethernet. `failed` is told why a frame could not be sent. `bufferLen`: octets of kernel memory for frames that
 * wait for us. `slabLen`: octets of the longest frame that is handed on; longer ones are dropped.
 */
export function openFrameLane(
  interfaceName: string,
  filter: string = "",
  failed: (message: string) => void = () => {},
  bufferLen: number = KERNEL_BUFFER,
  slabLen: number = SLAB_LEN,
): FrameLane {
  const { Cap } = createRequire(import.meta.url)("cap") as { Cap: new () => Cap };
  const rx = Buffer.alloc(slabLen);
  const tx = Buffer.alloc(slabLen);
  const cap = new Cap();
  let linkType: string;
  try {
    linkType = cap.open(interfaceName, filter, bufferLen, rx);
  } catch (cause) {
    FAILED.push(cap);
    const text = cause instanceof Error ? cause.message : String(cause);
    if (/permi/i.test(text)) {
      throw new AgentError("E_CAPABILITY", `raw frames on ${interfaceName}: ${text}`, { cause });
    }
    throw new AgentError("E_INTERFACE", `cannot open ${interfaceName} for raw frames: ${text}`, {
      cause,
    });
  }
  if (linkType !== "ETHERNET") {
    cap.close();
    throw new AgentError("E_INTERFACE", `${interfaceName} is not Ethernet but ${linkType}`);
  }
  let open = true;
  return {
    rx: new Octets(rx),
    tx: new Octets(tx),
    onFrame(handler) {
      cap.on("packet", (len, truncated) => {
        if (!truncated && len <= slabLen) handler(len);
      });
    },
    send(len) {
      // cap hands a closed capture to libpcap all the same, and that ends the process.
      if (!open) return;
      try {
        cap.send(tx, len);
      } catch (error) {
        failed(error instanceof Error ? error.message : String(error));
      }
    },
    close() {
      open = false;
      cap.close();
    },
  };
}
