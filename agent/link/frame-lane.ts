import { createRequire } from "node:module";
import { Octets } from "../../protocols/wire/octets.ts";
import { AgentError } from "../errors.ts";

/** Kernel buffer for frames that wait for us, octets: room for about 512 of them. */
const KERNEL_BUFFER: number = 8 * 1024 * 1024;
/** Frames with up to two VLAN tags, and jumbo frames that a virtual link may carry. */
const SLAB_LEN = 16_384;
/** As many octets of a frame as libpcap hands over: merged segments, too. */
export const WHOLE_FRAME_LEN = 65_535;
/**
 * Frames of a link with the usual MTU. With the kernel's header two of them fit into a page, which is what libpcap makes its
 * ring of: a MiB holds some 500.
 */
export const LINK_FRAME_LEN = 1_900;

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
  /** The same for one of many frames: whether the kernel had room for it. Nobody is told when it had none. */
  offer?(len: number): boolean;
  /**
   * Takes frames that have come and that nobody was told of. Called now and then, it finds out that an interface went down and
   * came back while frames were waiting: from then on nobody is told of any.
   */
  check?(): void;
  close(): void;
}

/** What we use of the native half of the `pcap` package. Its JavaScript half decodes, which is our own affair. */
interface Session {
  open_live(
    device: string,
    filter: string,
    bufferLen: number,
    snapLen: number,
    dumpFile: string,
    packet: () => void,
    monitor: boolean,
    timeoutMs: number,
    warn: (text: string) => void,
    promiscuous: boolean,
  ): string;
  /** Hands on what has come; negative when the interface went down or away; CLOSED when it has closed, as it may do but once. */
  dispatch(frame: Buffer, header: Buffer): number;
  start_polling(): void;
  inject(frame: Buffer): void;
  /** Has the next `dispatch` that finds a frame close it. */
  close(): void;
  /** Called when there is something to dispatch. */
  read_callback?: () => void;
}

const BINDING = "pcap/build/Release/pcap_binding.node";
/** Beside each frame come seconds, microseconds, octets captured, octets on the wire: 4 octets each, of this host's order. */
const HEADER_LEN = 16;
const LENGTHS_AT = 8;

/** What `dispatch` says when it has closed the session. */
const CLOSED = -2;

/**
 * Every session there was. Its poll stays in libuv's list when it has ended, so that one which is collected, closed or never
 * opened, can end the process by a segmentation fault. They are small, and a lane is opened once a start or a lost link.
 */
const SESSIONS: Session[] = [];

/**
 * Sessions that are to close and wait for a frame to do so. libpcap sees that it is to stop only when it finds one; a session
 * whose interface went down is not polled any more either, but hears again when the interface is back.
 */
const CLOSING: Set<() => void> = new Set();

/**
 * Opens the interface for raw frames (libpcap by `pcap`).
 *
 * `filter` is a pcap filter expression. Throws E_CAPABILITY without CAP_NET_RAW, E_INTERFACE when there is no such device
 * or it is not Ethernet. `failed` is told why a frame could not be sent. `bufferLen`: octets of kernel memory for frames that
 * wait for us. `lost` is told when the interface went down or away: the lane is closed then, and another one may be opened
 * when the interface is back. `slabLen`: octets of the longest frame that is handed on, for each of which the kernel's buffer has
 * as much room; longer ones are dropped.
 *
 * A lane that was closed hears nothing, but its session keeps the process alive until a frame passes its filter: commands end
 * by `process.exit`.
 */
export function openFrameLane(
  interfaceName: string,
  filter: string = "",
  failed: (message: string) => void = () => {},
  bufferLen: number = KERNEL_BUFFER,
  lost: () => void = () => {},
  slabLen: number = SLAB_LEN,
): FrameLane {
  const { PcapSession } = createRequire(import.meta.url)(BINDING) as {
    PcapSession: new () => Session;
  };
  const rx = Buffer.alloc(slabLen);
  const tx = Buffer.alloc(slabLen);
  const header = Buffer.alloc(HEADER_LEN);
  const lengths = new Uint32Array(header.buffer, header.byteOffset + LENGTHS_AT, 2);
  const session = new PcapSession();
  SESSIONS.push(session);
  let handle: (len: number) => void = () => {};
  let open = true;
  let packets = 0;
  const packet = (): void => {
    const [captured = 0, onWire = 0] = lengths;
    packets += 1;
    if (open && onWire <= captured) handle(captured);
  };
  const dispatch = (): number => {
    const count = session.dispatch(rx, header);
    if (count === CLOSED) {
      CLOSING.delete(dispatch);
      session.read_callback = () => {};
    }
    return count;
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    session.close();
    CLOSING.add(dispatch);
  };
  const args = ["", packet, false, 0, () => {}, true] as const;
  let linkType: string;
  try {
    linkType = session.open_live(interfaceName, filter, bufferLen, slabLen, ...args);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    if (/permi/i.test(text)) {
      throw new AgentError("E_CAPABILITY", `raw frames on ${interfaceName}: ${text}`, { cause });
    }
    throw new AgentError("E_INTERFACE", `cannot open ${interfaceName} for raw frames: ${text}`, {
      cause,
    });
  }
  for (const finish of CLOSING) finish();
  if (linkType !== "LINKTYPE_ETHERNET") {
    close();
    const kind = linkType.replace(/^LINKTYPE_/, "");
    throw new AgentError("E_INTERFACE", `${interfaceName} is not Ethernet but ${kind}`);
  }
  const give = (): number => {
    packets = 0;
    const count = dispatch();
    for (const finish of CLOSING) if (finish !== dispatch) finish();
    return count < 0 ? 0 : packets;
  };
  // Frames of a bulk transfer are of one length.
  let frame = tx;
  const frameOf = (len: number): Buffer => {
    if (frame.length !== len) frame = tx.subarray(0, len);
    return frame;
  };
  const lose = (): void => {
    if (!open) return;
    close();
    lost();
  };
  let untold = false;
  session.read_callback = () => {
    untold = false;
    // Not every libpcap says that the interface went down (1.10.3 does not). A call for nothing is that all the same: libuv
    // makes one when the socket has an error, and none after it.
    if (give() === 0) lose();
  };
  session.start_polling();
  return {
    rx: new Octets(rx),
    tx: new Octets(tx),
    onFrame(handler) {
      handle = handler;
    },
    send(len) {
      if (!open) return;
      try {
        session.inject(frameOf(len));
      } catch (error) {
        failed(error instanceof Error ? error.message : String(error));
      }
    },
    offer(len) {
      if (!open) return false;
      try {
        session.inject(frameOf(len));
        return true;
      } catch {
        return false;
      }
    },
    check() {
      if (!open || give() === 0) return;
      // Once may be chance: they came just now.
      if (untold) lose();
      untold = true;
    },
    close,
  };
}
