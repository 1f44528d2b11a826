import type { Bundle } from "../../agent/bundle/bundle.ts";

/** Seconds since 1970 of 2026-11-21 12:00 UTC. */
export const NOON: number = Date.UTC(2026, 10, 21, 12) / 1000;

/** A small bundle for every agent. */
export function bundleOf(change: Partial<Bundle> = {}): Bundle {
  return {
    version: 1,
    site: "rack7",
    serial: 7,
    targets: { any: true },
    made: NOON,
    main: "site.yaml",
    files: new Map([
      ["site.yaml", Buffer.from("site: rack7\nnetwork: { address: 172.24.42.150/24 }\n")],
      ["templates/minipc.yaml", Buffer.from("hostname: {{ machine.name }}\n")],
    ]),
    ...change,
  };
}
