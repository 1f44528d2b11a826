import type { RpcDispatcher } from "../../agent/services/rpc/dispatcher.ts";
import { emitRpcCall, type RpcCallRepr } from "../../protocols/sunrpc/call.ts";
import { RpcReplyView } from "../../protocols/sunrpc/reply.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { eventually, settle } from "./eventually.ts";

/** Writes arguments at an offset and returns their octets. */
export type EmitArgs = (o: Octets, at: number) => number;

/** A reply and the view on it. */
export interface Reply {
  readonly octets: Octets;
  readonly view: RpcReplyView;
}

export interface CallOptions {
  readonly src: Ipv4;
  /** Default: a privileged one. */
  readonly srcPort?: number;
  readonly broadcast?: boolean;
  readonly unix?: RpcCallRepr["unix"];
}

const XID = 0x8000_1234;

/** The octets of a call. */
export function callOctets(
  prog: number,
  vers: number,
  proc: number,
  args: EmitArgs = () => 0,
  unix?: RpcCallRepr["unix"],
): Uint8Array {
  const o = Octets.alloc(4_096);
  const at = emitRpcCall({ xid: XID, prog, vers, proc, ...(unix ? { unix } : {}) }, o, 0);
  return o.u8.slice(0, at + args(o, at));
}

/** Sends a message to a dispatcher; undefined: silence, once everything ran that needs no disk. */
export async function dispatch(
  dispatcher: RpcDispatcher,
  message: Uint8Array,
  options: CallOptions,
): Promise<Reply | undefined> {
  const replies = send(dispatcher, message, options);
  await settle();
  return only(replies);
}

/** The same, where a reply is expected, however long it takes. */
export async function answered(
  dispatcher: RpcDispatcher,
  message: Uint8Array,
  options: CallOptions,
): Promise<Reply> {
  const replies = send(dispatcher, message, options);
  await eventually(() => replies.length > 0, "a reply");
  const reply = only(replies);
  if (!reply) throw new Error("no reply");
  return reply;
}

function send(
  dispatcher: RpcDispatcher,
  message: Uint8Array,
  { src, srcPort = 1_023, broadcast = false }: CallOptions,
): Uint8Array[] {
  const replies: Uint8Array[] = [];
  const slab = Octets.alloc(9_216);
  slab.u8.fill(0xa5);
  const rx = new Octets(message.slice());
  const sink = {
    begin: () => ({ octets: slab, at: 0 }),
    commit(len: number, payload: readonly Uint8Array[] = []) {
      replies.push(Uint8Array.from([slab.u8.subarray(0, len), ...payload].flatMap((p) => [...p])));
    },
  };
  const from = { src, srcPort, transport: "udp" as const, broadcast };
  dispatcher.handle(rx, 0, message.length, from, sink);
  // What the lane does once the handler has returned: the next packet overwrites this one.
  rx.u8.fill(0x5a);
  return replies;
}

function only(replies: readonly Uint8Array[]): Reply | undefined {
  if (replies.length > 1) throw new Error("more than one reply");
  const [u8] = replies;
  if (!u8) return undefined;
  const octets = new Octets(u8);
  const view = new RpcReplyView();
  const status = view.reset(octets, 0, u8.length);
  if (status !== 0 || view.xid !== XID) throw new Error(`a reply of status ${status}`);
  if (u8.length % 4 !== 0) throw new Error("a reply of broken words");
  return { octets, view };
}
