import { DhcpMessageType } from "../../protocols/dhcp/options.ts";
import { TftpOpcode } from "../../protocols/tftp/packet.ts";
import { BoundedMap } from "../capture/bounded-map.ts";
import { type Comparison, type Difference, isContent } from "./compare.ts";
import { addressOf, fieldOf, type ReplayMessage } from "./message.ts";
import type { NfsTranslation } from "./nfs-translation.ts";

/** How long an answer may take, of the capture's time. */
const ANSWER_MS = 10_000;
/** Requests that are kept while those before them wait for their answer. */
const MAX_PENDING = 2_048;
const MAX_TRANSFERS = 4_096;
const FOREVER = Number.POSITIVE_INFINITY;

/** The field in which replies of several packets differ in their number. */
const PACKETS = "packets";

/** A request with what both servers said to it. */
export interface Exchange {
  readonly request: ReplayMessage;
  readonly ours: readonly ReplayMessage[];
  readonly recorded: readonly ReplayMessage[];
  /** Why we answered so, or not at all. */
  readonly why: string;
  readonly differences: readonly Difference[];
}

/** A request that was just put in. */
export interface OpenExchange {
  readonly request: ReplayMessage;
  readonly why: string[];
}

class Pending implements OpenExchange {
  readonly ours: ReplayMessage[] = [];
  readonly recorded: ReplayMessage[] = [];
  readonly why: string[] = [];
  readonly request: ReplayMessage;
  readonly key: string;
  readonly sinceMs: number;
  settled = false;

  constructor(request: ReplayMessage, key: string, sinceMs: number) {
    this.request = request;
    this.key = key;
    this.sinceMs = sinceMs;
  }
}

/**
 * Brings together each request with our replies and the recorded server's, and hands them out in the order of the requests.
 *
 *     open --a reply--> open --both have answered (RPC, HTTP), the client goes on (TFTP), 10 s, the end--> settled
 *
 * Replies go to requests by what each protocol has for that: DHCP and BOOTP by xid, RARP by hardware address, TFTP by the
 * client's port, RPC by xid and client, HTTP by the order on its connection. All that is kept is bounded.
 */
export class Exchanges {
  private readonly queue: Pending[] = [];
  private readonly open: Map<string, Pending[]> = new Map();
  /** Transfers of which it was told that their content differs. */
  private readonly told: BoundedMap<string, true> = new BoundedMap(MAX_TRANSFERS, FOREVER);
  private readonly comparison: Comparison;
  private readonly nfs: NfsTranslation;
  private readonly give: (exchange: Exchange) => void;
  private readonly reason: (request: ReplayMessage, answered: boolean) => string;

  /** `reason`: why we did as we did with a request of which nothing else says it. */
  constructor(
    comparison: Comparison,
    nfs: NfsTranslation,
    reason: (request: ReplayMessage, answered: boolean) => string,
    give: (exchange: Exchange) => void,
  ) {
    this.reason = reason;
    this.comparison = comparison;
    this.nfs = nfs;
    this.give = give;
  }

  /** A client asks. Our reasons are added to `why` of what is returned. */
  request(m: ReplayMessage, key: string, nowMs: number): OpenExchange {
    const pending = new Pending(m, key, nowMs);
    const same = this.open.get(key);
    if (m.protocol === "tftp") {
      for (const before of same ?? []) before.settled = true;
      this.open.set(key, [pending]);
      if (fieldOf(m, "opcode") === TftpOpcode.Rrq) {
        this.told.delete(`content ${key}`);
        this.told.delete(`${PACKETS} ${key}`);
      }
    } else if (same) same.push(pending);
    else this.open.set(key, [pending]);
    this.queue.push(pending);
    this.flush(nowMs);
    return pending;
  }

  /** A reply, ours or the recorded server's. False when there is no request that it answers. */
  reply(who: "ours" | "recorded", m: ReplayMessage, key: string, nowMs: number): boolean {
    const open = this.open.get(key);
    if (!open) return false;
    const target =
      open.find((p) => accepts(p, who, m)) ?? (m.protocol === "http" ? undefined : open.at(-1));
    if (!target) return false;
    const replies = target[who];
    // What is sent again says nothing new.
    if (replies.some((r) => isRepeat(r, m))) return true;
    replies.push(m);
    const [ours] = target.ours;
    const [recorded] = target.recorded;
    if (ours && recorded) {
      this.nfs.learn(target.request, ours, recorded);
      if (isAnsweredOnce(m)) target.settled = true;
    }
    this.flush(nowMs);
    return true;
  }

  /** Hands out what has waited long enough. */
  flush(nowMs: number): void {
    const { queue } = this;
    for (let first = queue[0]; first; first = queue[0]) {
      const waits = first.request.protocol === "http" || nowMs - first.sinceMs <= ANSWER_MS;
      if (!first.settled && waits && queue.length <= MAX_PENDING) return;
      queue.shift();
      this.close(first);
    }
  }

  /** The capture is over. */
  end(): void {
    for (const pending of this.queue.splice(0)) this.close(pending);
  }

  private close(p: Pending): void {
    const open = this.open.get(p.key)?.filter((other) => other !== p) ?? [];
    if (open.length > 0) this.open.set(p.key, open);
    else this.open.delete(p.key);
    const { request, ours, recorded } = p;
    const differences = this.onceATransfer(p, this.compare(p));
    const why = [...new Set(p.why)].join("; ") || this.reason(request, ours.length > 0);
    this.give({ request, ours, recorded, why, differences });
  }

  /** The replies that belong together field by field, then how many others each has. */
  private compare({ ours, recorded }: Pending): Difference[] {
    if (ours.length === 0 || recorded.length === 0) return [];
    const found: Difference[] = [];
    const rest = [...ours];
    let unmatched = 0;
    for (const theirs of recorded) {
      const i = rest.findIndex((own) => isSameKind(own, theirs));
      if (i < 0) unmatched += 1;
      else
        found.push(...rest.splice(i, 1).flatMap((own) => this.comparison.differences(own, theirs)));
    }
    const [first] = rest;
    const theirs = recorded.find((m) => !ours.some((own) => isSameKind(own, m)));
    if (rest.length === ours.length && first && theirs) {
      // Nothing matches: an error here and data there.
      found.push(...this.comparison.differences(first, theirs));
    }
    if (rest.length !== unmatched) {
      found.push({ field: PACKETS, ours: ours.length, recorded: recorded.length });
    }
    return found;
  }

  /** Of a file that is another one, or sent in other windows, it is said once, not with each block. */
  private onceATransfer(p: Pending, found: Difference[]): Difference[] {
    const transfer = transferOf(p);
    const content = found.filter(isContent);
    const rest = found.filter(
      (d) => !isContent(d) && !(d.field === PACKETS && this.knows(d.field, transfer)),
    );
    const [first] = content;
    if (first === undefined || this.knows("content", transfer)) return rest;
    const told = content.find((d) => d.field !== "sha256") ?? first;
    return [...rest, { ...told, field: `content (${told.field})` }];
  }

  /** Whether something was told of a transfer before; it is from now on. */
  private knows(what: string, transfer: string): boolean {
    const key = `${what} ${transfer}`;
    const known = this.told.get(key, 0) !== undefined;
    this.told.set(key, true, 0);
    return known;
  }
}

function transferOf({ request, key }: Pending): string {
  const { protocol, fields, from } = request;
  if (protocol !== "nfs") return key;
  return `nfs ${addressOf(from)} ${String(fieldOf({ fields }, "fhandle"))}`;
}

/** Whether a reply can be the answer to this request, and none of the same server is there yet. */
function accepts(p: Pending, who: "ours" | "recorded", m: ReplayMessage): boolean {
  if (p.settled) return false;
  if (m.protocol === "tftp") return true;
  if (m.protocol === "dhcp" && !isDhcpAnswer(p.request, m)) return false;
  return !p[who].some((r) => r.from === m.from || who === "ours");
}

const DISCOVER = 1;
const OFFER = 2;
/** DECLINE and RELEASE: nobody answers them (RFC 2131 section 4.3). */
const UNANSWERED: readonly unknown[] = [DhcpMessageType.Decline, DhcpMessageType.Release];

function isDhcpAnswer(request: ReplayMessage, reply: ReplayMessage): boolean {
  const asked = fieldOf(request, "messageType");
  const type = fieldOf(reply, "messageType");
  if (UNANSWERED.includes(asked)) return false;
  if (asked === undefined || type === undefined) return asked === type;
  return (asked === DISCOVER) === (type === OFFER);
}

function isSameKind(a: ReplayMessage, b: ReplayMessage): boolean {
  if (a.protocol !== "tftp") return true;
  return (
    fieldOf(a, "opcode") === fieldOf(b, "opcode") && fieldOf(a, "block") === fieldOf(b, "block")
  );
}

function isRepeat(a: ReplayMessage, b: ReplayMessage): boolean {
  if (a.protocol === "tftp") return isSameKind(a, b);
  return a.protocol !== "http" && a.from === b.from;
}

function isAnsweredOnce(m: ReplayMessage): boolean {
  return m.protocol !== "dhcp" && m.protocol !== "rarp" && m.protocol !== "tftp";
}
