import type { Clock } from "../link/clock.ts";
import { openMulticastSocket } from "./mdns/guarded-socket.ts";
import { type Counters, openLane } from "./mdns/lane.ts";
import type { LaneOpener } from "./mdns/lanes.ts";
import { type Link, systemLinks } from "./mdns/links.ts";

/** How multicast DNS is spoken: what announcers and browsers need of the host. */
export interface MdnsHost {
  readonly links: () => readonly Link[];
  readonly openLane: LaneOpener;
  readonly clock: Clock;
  readonly random: () => number;
  readonly counters: Counters;
}

/** By this host's own interfaces. */
export function systemMdns(clock: Clock, counters: Counters): MdnsHost {
  const options = {
    counters,
    clock,
    openSocket: (_: Link, family: 4 | 6) => openMulticastSocket(family),
  };
  return {
    links: systemLinks,
    openLane: (link, family, handlers) => openLane(link, family, handlers, options),
    clock,
    random: Math.random,
    counters,
  };
}
