import { TftpError, TftpView } from "../../../protocols/tftp/packet.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Slot } from "../../assets/slot.ts";
import type { Datagram } from "../../link/datagram.ts";
import { patienceOf } from "../../plan/patience.ts";
import { heldBack, type ServiceContext } from "../context.ts";
import { HeldQuestions, heldBecause, heldFor } from "../hold.ts";
import type { Refusal } from "./decide.ts";
import { peerKey, peerText } from "./peer.ts";
import type { Asked, TftpJournal } from "./tftp-journal.ts";
import type { Transfers } from "./transfers.ts";

/** How a request goes on that was held. */
export interface Resumption {
  /** As if it came now; the view is on it. */
  act(view: TftpView, d: Datagram, asked: Asked, heldMs: number): void;
  refuse(d: Datagram, asked: Asked, refusal: Refusal): void;
  /** No more may be held now. */
  putOff(d: Datagram, asked: Asked, why: string): void;
}

/** Requests for what is not there yet: unanswered until the file is there, or as long as their clients are known to wait. */
export class HeldReads {
  private readonly context: ServiceContext;
  private readonly journal: TftpJournal;
  private readonly next: Resumption;
  private readonly held: HeldQuestions;
  private readonly view = new TftpView();

  constructor(context: ServiceContext, journal: TftpJournal, next: Resumption) {
    this.context = context;
    this.journal = journal;
    this.next = next;
    this.held = new HeldQuestions(context.clock);
  }

  get size(): number {
    return this.held.size;
  }

  /** Of one machine. */
  sizeOf(src: Ipv4): number {
    return this.held.size === 0 ? 0 : this.held.sizeOf(peerText(src, ""));
  }

  /** Returns for how long it was held, ms; 0: it was not. */
  drop({ src, srcPort }: Datagram): number {
    return this.held.size === 0 ? 0 : this.held.drop(peerText(src, srcPort));
  }

  clear(): void {
    this.held.clear();
  }

  hold(
    d: Datagram,
    asked: Asked,
    { slot, why }: { readonly slot: Slot; readonly why: string },
    transfers: Transfers,
    inTurn: boolean,
  ): void {
    const { src, srcPort } = d;
    const key = peerText(src, srcPort);
    const isNew = !this.held.has(key);
    if (d.broadcast && isNew) {
      this.journal.note(asked, "silent", `${heldBecause(why)}; it was a broadcast`);
      return;
    }
    transfers.replace(peerKey(src, srcPort));
    const full = isNew ? transfers.full(src, inTurn) : undefined;
    if (full !== undefined) {
      this.next.putOff(d, asked, full);
      return;
    }
    // The lane's memory is a Buffer, whose `slice` is no copy.
    const octets = new Octets(Uint8Array.from(d.octets.u8.subarray(d.at, d.at + d.len)));
    const again: Datagram = { octets, at: 0, len: d.len, src, srcPort, broadcast: false };
    const { context } = this;
    const { tftpMs: patienceMs } = patienceOf(context.sightings.familyOf(asked.plan.machine));
    const release = (heldMs: number, patienceOver: boolean): void => {
      if (this.view.reset(octets, 0, octets.u8.length)) return;
      // The site may be another one by now, or the file another asset.
      const plan = context.planner.byIp(src);
      if (!plan) return;
      const back = heldBack(plan, context);
      if (back !== undefined) this.journal.note({ ...asked, plan }, "silent", back);
      else if (!patienceOver) this.next.act(this.view, again, { ...asked, plan }, heldMs);
      else {
        const vain = `still ${why}${heldFor(heldMs)}, as long as its firmware waits`;
        this.next.refuse(again, asked, { code: TftpError.NotDefined, why: vain });
      }
    };
    if (this.held.hold(key, { what: asked.name, slots: [slot], patienceMs, release })) {
      this.journal.note(asked, "silent", heldBecause(why));
    }
  }
}
