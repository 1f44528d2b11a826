import type { Octets } from "../wire/octets.ts";

/**
 * What a connection has to send and how far it got: SND.UNA and SND.NXT of RFC 9293 section 3.3.1, and the octets behind.
 *
 * Sequence numbers are signed 32-bit integers. A SYN and a FIN take one each without an octet in the queue.
 */
export class SendSpace {
  /** Oldest sequence number without an ACK. */
  una: number;
  /** Next to be sent; falls behind `max` when sending goes back. */
  nxt: number;
  /** Highest sent plus one. */
  max: number;
  /** Octets without an ACK, sent or not. The first of them has sequence number `una`, once the SYN is acknowledged. */
  queued = 0;
  private readonly queue: Uint8Array;

  constructor(iss: number, size: number) {
    this.una = iss | 0;
    this.nxt = this.una;
    this.max = this.una;
    this.queue = new Uint8Array(size);
  }

  get room(): number {
    return this.queue.length - this.queued;
  }

  get inFlight(): number {
    return (this.nxt - this.una) | 0;
  }

  /** Octets that are to be sent next; -1 when a FIN was sent behind them. */
  get unsent(): number {
    return this.queued - this.inFlight;
  }

  /** Whether an ACK is awaited. */
  get outstanding(): boolean {
    return this.una !== this.max;
  }

  /** Queues as much as there is room for; returns how much. */
  push(octets: Uint8Array): number {
    const taken = Math.min(this.room, octets.length);
    this.queue.set(taken === octets.length ? octets : octets.subarray(0, taken), this.queued);
    this.queued += taken;
    return taken;
  }

  /** Copies the next `len` octets to be sent. */
  copy(len: number, o: Octets, at: number): void {
    o.u8.set(this.queue.subarray(this.inFlight, this.inFlight + len), at);
  }

  /** Sequence numbers were sent: octets, or 1 for a SYN or FIN. */
  sent(count: number): void {
    this.nxt = (this.nxt + count) | 0;
    if (((this.nxt - this.max) | 0) > 0) this.max = this.nxt;
  }

  /** Everything without an ACK is to be sent again. */
  goBack(): void {
    this.nxt = this.una;
  }

  /** Takes over an ACK of something new; `syn` is 1 when it is the first. Whether it covers our FIN. */
  acknowledge(ack: number, syn: 0 | 1): boolean {
    const count = ((ack - this.una) | 0) - syn;
    const octets = Math.min(count, this.queued);
    this.queue.copyWithin(0, octets, this.queued);
    this.queued -= octets;
    this.una = ack;
    if (((this.nxt - ack) | 0) < 0) this.nxt = ack;
    return count > octets;
  }
}
