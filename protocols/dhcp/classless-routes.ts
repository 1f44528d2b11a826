import type { Ipv4 } from "../wire/ipv4-address.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import type { DhcpWriter } from "./message.ts";
import { DhcpOption } from "./options.ts";

/** One route: `destination`/`prefixLen` by `router`; router 0 means that the destination is on the link. */
export interface ClasslessRoute {
  readonly destination: Ipv4;
  /** 0 to 32. */
  readonly prefixLen: number;
  readonly router: Ipv4;
}

const MAX_PREFIX_LEN = 32;
const ROUTER_LEN = 4;

/**
 * Re-pointable view of the classless static routes, option 121 (RFC 3442): prefixLen(1), as many octets of the destination
 * as the prefix has, router(4), and so on.
 */
export class ClasslessRoutesView {
  private dv: DataView = NO_VIEW;
  private nextAt = 0;
  private end = 0;
  /** The route that `next` stepped to. */
  prefixLen = 0;
  destination: Ipv4 = 0;
  router: Ipv4 = 0;

  /** Checks the whole list: `BadLength` for a prefix above 32 or a route that runs over the end. */
  reset(o: Octets, at: number, len: number): Status {
    this.dv = o.dv;
    this.nextAt = at;
    this.end = at + len;
    if (len < 1 + ROUTER_LEN) return Status.Truncated;
    let walk = at;
    while (walk < this.end) {
      const prefixLen = o.dv.getUint8(walk);
      if (prefixLen > MAX_PREFIX_LEN) return Status.BadLength;
      walk += 1 + significantOctets(prefixLen) + ROUTER_LEN;
    }
    return walk === this.end ? Status.Ok : Status.BadLength;
  }

  /** Steps to the next route; false after the last. */
  next(): boolean {
    const { dv, nextAt } = this;
    if (nextAt >= this.end) return false;
    this.prefixLen = dv.getUint8(nextAt);
    const n = significantOctets(this.prefixLen);
    let destination = 0;
    for (let i = 0; i < n; i++) destination |= dv.getUint8(nextAt + 1 + i) << (24 - 8 * i);
    this.destination = destination;
    this.router = dv.getInt32(nextAt + 1 + n);
    this.nextAt = nextAt + 1 + n + ROUTER_LEN;
    return true;
  }
}

/** Writes option 121; false when it does not fit. `scratch` is the caller's, nine octets for each route. */
export function writeClasslessRoutes(
  w: DhcpWriter,
  routes: readonly ClasslessRoute[],
  scratch: Octets,
): boolean {
  const { dv } = scratch;
  let at = 0;
  for (const { destination, prefixLen, router } of routes) {
    const n = significantOctets(prefixLen);
    dv.setUint8(at, prefixLen);
    for (let i = 0; i < n; i++) dv.setUint8(at + 1 + i, (destination >>> (24 - 8 * i)) & 0xff);
    dv.setInt32(at + 1 + n, router);
    at += 1 + n + ROUTER_LEN;
  }
  return at === 0 || w.octets(DhcpOption.ClasslessStaticRoute, scratch, 0, at);
}

function significantOctets(prefixLen: number): number {
  return (prefixLen + 7) >> 3;
}
