/** First descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_FD = 3;

/** All sockets of the agent, as packaging/pilotlight-sockets names them. */
export const SOCKET_NAMES: readonly string[] = [
  "dhcp",
  "binl",
  "tftp",
  "tftp-broadcast",
  "tftp-limited",
  "http",
  "portmap",
  "portmap-broadcast",
  "portmap-limited",
  "portmap-tcp",
  "mount",
  "mount-tcp",
  "bootparams",
  "bootparams-tcp",
  "nfs",
  "nfs-tcp",
];

/** What systemd says in the environment. */
interface Environment {
  readonly LISTEN_PID?: string | undefined;
  readonly LISTEN_FDS?: string | undefined;
  readonly LISTEN_FDNAMES?: string | undefined;
}

/**
 * Sockets that systemd opened for us, already bound to the rack's interface (`BindToDevice=`), told apart by
 * `FileDescriptorName=`: "tftp", "tftp-broadcast", "tftp-limited", "portmap", "portmap-tcp", and so on.
 */
export class InheritedSockets {
  private readonly fds: Map<string, number>;

  private constructor(fds: Map<string, number>) {
    this.fds = fds;
  }

  /** No socket was passed: all are opened by ourselves. */
  static none(): InheritedSockets {
    return new InheritedSockets(new Map());
  }

  /** Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; what was meant for another process is ignored. */
  static fromEnvironment(env: Environment, pid: number): InheritedSockets {
    if (Number(env.LISTEN_PID) !== pid) return InheritedSockets.none();
    const count = Number(env.LISTEN_FDS);
    if (!Number.isInteger(count) || count < 1) return InheritedSockets.none();
    const names = (env.LISTEN_FDNAMES ?? "").split(":");
    const fds = new Map<string, number>();
    for (let i = 0; i < count; i++) fds.set(names[i] ?? "", FIRST_FD + i);
    return new InheritedSockets(fds);
  }

  /** Whether all of these were passed. */
  has(names: readonly string[]): boolean {
    return names.every((name) => this.fds.has(name));
  }

  /** The descriptor passed under this name, once: whoever takes it closes it. Undefined: open it ourselves. */
  take(name: string): number | undefined {
    const fd = this.fds.get(name);
    this.fds.delete(name);
    return fd;
  }
}
