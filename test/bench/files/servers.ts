import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentCommand } from "../agent-command.ts";
import { programPath } from "../programs.ts";
import { FILES, type FileCase, LARGEST } from "./cases.ts";

/** One cable for each server. Every client has an address of its own, and is a machine of its own to the agent. */
export const NET = {
  rack: "rack0",
  server: "172.24.42.150",
  firstClient: "172.24.42.1",
  firstMac: "02:00:00:00:00:01",
  clients: 64,
  bits: 24,
} as const;

/** How NFS clients come to a handle. */
export interface NfsWay {
  readonly version: 2 | 3;
  /** What is mounted; undefined: any handle will do. */
  readonly folder: string | undefined;
  /** 0: portmap is asked. */
  readonly mountPort: number;
}

/** Where a server finds things. */
export interface Place {
  /** A folder of its own. */
  readonly dir: string;
  /** The folder of the files. */
  readonly files: string;
  /** What the bench compiled. */
  readonly limit: string;
}

/** A server that is measured. */
export interface FileServer {
  readonly name: string;
  readonly kinds: readonly FileCase["kind"][];
  /** What it needs besides what the clone has. */
  readonly programs: readonly string[];
  /** It has one of these for each client. */
  readonly perClient?: "process" | "thread";
  nfs(place: Place): NfsWay;
  /** Writes what it needs into its folder. The command that starts it. */
  prepare(place: Place): readonly string[];
}

export const OURS = "pilotlight";
export const LIMIT = "limit";
export const GANESHA = "nfs-ganesha (v3)";
const PROFILE = "bench";
const GANESHA_MOUNT_PORT = 20_048;
const NO_NFS: NfsWay = { version: 2, folder: undefined, mountPort: 0 };

/** Ours, with a root of the same files. Everything is in its cache of chunks. */
const PILOTLIGHT: FileServer = {
  name: OURS,
  kinds: ["tftp", "nfs"],
  programs: [],
  nfs: () => ({ version: 2, folder: `/${PROFILE}`, mountPort: 0 }),
  prepare({ dir, files }) {
    const site = join(dir, "site.yaml");
    writeFileSync(site, pilotlightSite(files));
    return agentCommand([
      ...["--site", site, "--state", join(dir, "state"), "--interface", NET.rack],
      // The others say nothing of single transfers either.
      ...["--board", "generic-x64", "--log-level", "warn"],
    ]);
  },
};

/** A machine for each client, all of one profile. */
export function pilotlightSite(files: string): string {
  const names = Object.keys(FILES);
  const machines = Array.from({ length: NET.clients }, (_, i) => {
    const n = i + 1;
    const mac = `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;
    return `  m${n}: { mac: "${mac}", ip: ${NET.server.replace(/\d+$/, String(n))}, profile: ${PROFILE} }`;
  });
  return `site: bench
network: { address: ${NET.server}/${NET.bits} }
assets:
${names.map((name) => `  ${name}: { file: ${join(files, name)} }`).join("\n")}
profiles:
  ${PROFILE}:
    files: { ${names.map((name) => `${name}: ${name}`).join(", ")} }
    bsd: { loader: small, root: { ${LARGEST}: ${LARGEST} } }
machines:
${machines.join("\n")}
`;
}

const LIMIT_SERVER: FileServer = {
  name: LIMIT,
  kinds: ["tftp", "nfs"],
  programs: ["cc"],
  nfs: () => NO_NFS,
  prepare: ({ files, limit }) => [limit, NET.server, files, LARGEST],
};

/** Forks for each transfer. It does not know windowsize. */
const TFTPD_HPA: FileServer = {
  name: "tftpd-hpa",
  kinds: ["tftp"],
  programs: ["in.tftpd"],
  perClient: "process",
  nfs: () => NO_NFS,
  prepare: ({ files }) => [
    programPath("in.tftpd"),
    ...["-L", "--address", `${NET.server}:69`, "--secure", files],
  ],
};

/** A thread for each transfer. */
const ATFTPD: FileServer = {
  name: "atftpd",
  kinds: ["tftp"],
  programs: ["atftpd"],
  perClient: "thread",
  nfs: () => NO_NFS,
  prepare: ({ files }) => [
    programPath("atftpd"),
    ...["--daemon", "--no-fork", "--user", "root", "--group", "root"],
    ...["--bind-address", NET.server, "--port", "69", "--no-multicast"],
    // Without a file it writes to the log of the system.
    ...["--verbose=1", "--logfile", "/dev/null", "--maxthread", "100", files],
  ],
};

/** One process for all, as ours. It does not know windowsize. */
const DNSMASQ: FileServer = {
  name: "dnsmasq",
  kinds: ["tftp"],
  programs: ["dnsmasq"],
  nfs: () => NO_NFS,
  prepare: ({ files }) => [
    programPath("dnsmasq"),
    ...["--no-daemon", "--conf-file=/dev/null", "--port=0", "--log-facility=/dev/null"],
    ...["--enable-tftp", "--quiet-tftp", `--tftp-root=${files}`, "--tftp-max=100"],
    `--interface=${NET.rack}`,
  ],
};

/**
 * It has not served NFSv2 for years: its READ of version 3 is for information.
 *
 * It does not start without an rpcbind, which gets a folder for its socket that no other one has. Killing `unshare` ends both.
 */
const NFS_GANESHA: FileServer = {
  name: GANESHA,
  kinds: ["nfs"],
  programs: ["ganesha.nfsd", "rpcbind"],
  nfs: ({ files }) => ({ version: 3, folder: files, mountPort: GANESHA_MOUNT_PORT }),
  prepare({ dir, files }) {
    const config = join(dir, "ganesha.conf");
    writeFileSync(config, ganeshaConfig(files));
    const start = "mount -t tmpfs tmpfs /run && mkdir /run/ganesha && rpcbind -w && exec";
    const words = ["-F", "-f", config, "-L", join(dir, "log"), "-p", join(dir, "pid")];
    const ganesha = [programPath("ganesha.nfsd"), ...words].join(" ");
    return [
      ...["unshare", "--mount", "--pid", "--fork", "--kill-child"],
      ...["sh", "-c", `${start} ${ganesha}`],
    ];
  },
};

function ganeshaConfig(files: string): string {
  return `NFS_CORE_PARAM {
  Protocols = 3; Enable_UDP = true; Bind_addr = ${NET.server}; MNT_Port = ${GANESHA_MOUNT_PORT};
  Enable_NLM = false; Enable_RQUOTA = false;
}
EXPORT {
  Export_Id = 1; Path = "${files}"; Pseudo = "/files"; Protocols = 3; Transports = "UDP";
  Access_Type = RO; Squash = No_Root_Squash; SecType = "sys"; FSAL { Name = VFS; }
}
LOG { Default_Log_Level = CRIT; }
`;
}

/** In the order in which they take turns. */
export const SERVERS: readonly FileServer[] = [
  PILOTLIGHT,
  LIMIT_SERVER,
  TFTPD_HPA,
  ATFTPD,
  DNSMASQ,
  NFS_GANESHA,
];
