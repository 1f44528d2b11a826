import { BoundedMap } from "./bounded-map.ts";
import type { RpcTarget } from "./callit-fields.ts";
import type { Flow } from "./flow.ts";

const MAX_CALLS = 8_192;
/** A call is repeated long before, but a hard NFS mount waits for its server. */
const IDLE_MS = 600_000;

/** What its reply needs to know of a call. */
export interface RpcCallRecord extends RpcTarget {
  /** What the call carries, when it is one on a caller's behalf. */
  readonly inner: RpcTarget | undefined;
}

/**
 * The calls of a capture, for their replies. An answered call stays: it may be answered again, and a broadcast is by many.
 *
 * A server with several addresses answers from any of them, and a broadcast call is answered from anywhere. So a reply
 * belongs to the call that was sent to its sender, or else to the last one of its receiver with the same xid.
 */
export class RpcCalls {
  private readonly exact: BoundedMap<string, RpcCallRecord> = new BoundedMap(MAX_CALLS, IDLE_MS);
  private readonly loose: BoundedMap<string, RpcCallRecord> = new BoundedMap(MAX_CALLS, IDLE_MS);

  add(transport: string, flow: Flow, xid: number, call: RpcCallRecord, nowMs: number): void {
    const client = `${transport} ${xid} ${flow.from}`;
    this.exact.set(`${client} ${flow.to}`, call, nowMs);
    this.loose.set(client, call, nowMs);
  }

  /** The call that a message of `flow` with this xid answers. */
  find(transport: string, flow: Flow, xid: number, nowMs: number): RpcCallRecord | undefined {
    const client = `${transport} ${xid} ${flow.to}`;
    return this.exact.get(`${client} ${flow.from}`, nowMs) ?? this.loose.get(client, nowMs);
  }
}
