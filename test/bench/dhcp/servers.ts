import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentCommand } from "../agent-command.ts";
import { programPath } from "../programs.ts";
import { CLIENTS } from "./perfdhcp.ts";

/** One cable for each server: the server at one end, the relay that perfdhcp is at the other. The pool has `CLIENTS` addresses. */
export const NET = {
  rack: "rack0",
  prefix: "10.77.0.0/16",
  mask: "255.255.0.0",
  server: "10.77.0.1",
  relay: "10.77.0.2",
  bits: 16,
  first: "10.77.1.0",
  last: "10.77.254.231",
} as const;
const LEASE_S = 3_600;

/** A server that is measured. */
export interface DhcpServer {
  readonly name: string;
  /** What it needs besides what the clone has. */
  readonly programs: readonly string[];
  /** Writes what it needs into an empty folder, where it also keeps its leases. The command that starts it. */
  prepare(dir: string): readonly string[];
}

/** Ours: every lease is durable before it is acknowledged. */
const PILOTLIGHT: DhcpServer = {
  name: "pilotlight",
  programs: [],
  prepare(dir) {
    const site = join(dir, "site.yaml");
    writeFileSync(site, pilotlightSite());
    return agentCommand([
      ...["--site", site, "--state", join(dir, "state"), "--interface", NET.rack],
      ...["--board", "generic-x64"],
      // The others say nothing of single exchanges either.
      ...["--log-level", "warn"],
    ]);
  },
};

/** Whoever asks gets an address of the pool. No address is asked for by ARP first: Kea 2.2 cannot, and dnsmasq is told not to. */
export function pilotlightSite(): string {
  return `site: bench
network:
  address: ${NET.server}/${NET.bits}
  dhcp: authoritative
  pool: ${NET.first}-${NET.last}
  relays: [${NET.relay}]
  lease: ${LEASE_S / 60}m
  probe: false
unknown:
  everybody: {}
`;
}

/**
 * Kea with its leases in memory and a file of changes beside it, as it is installed: the file is written before the answer and
 * not synced, and cleaned up once an hour (`lfc-interval` as it is).
 */
function kea(name: string, threads: number): DhcpServer {
  return {
    name,
    programs: ["kea-dhcp4"],
    prepare(dir) {
      const config = join(dir, "kea.json");
      writeFileSync(config, JSON.stringify(keaConfig(dir, threads)));
      // Debian's AppArmor profile goes by the path, and would keep Kea from writing to this folder.
      const program = join(dir, "kea-dhcp4");
      copyFileSync(programPath("kea-dhcp4"), program);
      return ["env", `KEA_PIDFILE_DIR=${dir}`, "KEA_LOCKFILE_DIR=none", program, "-c", config];
    },
  };
}

function keaConfig(dir: string, threads: number): object {
  return {
    Dhcp4: {
      // Its manual's advice where all questions come through relays: no raw socket, which costs a filter and a copy.
      "interfaces-config": { interfaces: [NET.rack], "dhcp-socket-type": "udp" },
      "lease-database": { type: "memfile", persist: true, name: join(dir, "leases.csv") },
      "multi-threading": {
        "enable-multi-threading": threads > 0,
        // The manual's four threads for a memfile. Its queue of 28 loses questions to perfdhcp, which sends some at once.
        ...(threads > 0 ? { "thread-pool-size": threads, "packet-queue-size": 512 } : {}),
      },
      authoritative: true,
      "valid-lifetime": LEASE_S,
      // There are no reservations, so that none has to be looked for.
      "reservations-global": false,
      "reservations-in-subnet": false,
      subnet4: [{ subnet: NET.prefix, pools: [{ pool: `${NET.first}-${NET.last}` }] }],
      loggers: [{ name: "kea-dhcp4", severity: "ERROR", output_options: [{ output: "stderr" }] }],
    },
  };
}

/**
 * dnsmasq: writes all of its leases to their file and syncs it for each that is new.
 *
 * Its own choice of addresses is kept: with `--dhcp-sequential-ip` it offers one address to several who ask at once.
 */
const DNSMASQ: DhcpServer = {
  name: "dnsmasq",
  programs: ["dnsmasq"],
  prepare(dir) {
    return [
      programPath("dnsmasq"),
      // In the foreground and as whoever starts it, who may write to the folder.
      "--no-daemon",
      "--conf-file=/dev/null",
      "--port=0",
      "--log-facility=/dev/null",
      "--quiet-dhcp",
      // Without it, it waits three seconds for an echo before each offer.
      "--no-ping",
      "--dhcp-authoritative",
      `--interface=${NET.rack}`,
      `--dhcp-range=${NET.first},${NET.last},${NET.mask},${LEASE_S / 60}m`,
      // It gives a thousand, if nobody says more.
      `--dhcp-lease-max=${CLIENTS}`,
      `--dhcp-leasefile=${join(dir, "dnsmasq.leases")}`,
    ];
  },
};

/** In the order in which they take turns. Kea both ways, since which of them is faster depends on the machine. */
export const SERVERS: readonly DhcpServer[] = [
  PILOTLIGHT,
  kea("kea", 0),
  DNSMASQ,
  kea("kea, 4 threads", 4),
];
