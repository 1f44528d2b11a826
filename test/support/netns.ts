import {
  type ChildProcessByStdio,
  type SpawnSyncReturns,
  spawn,
  spawnSync,
} from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** No command that is waited for takes as long, ms: vitest cannot end a test that waits in a system call. */
const PATIENCE_MS = 180_000;

/** A child whose three streams are pipes. */
export type PipedChild = ChildProcessByStdio<Writable, Readable, Readable>;

/** Says that it is there, then lives as long as its standard input is open. */
const HOLDER = ["sh", "-c", "echo up; exec cat"];

/**
 * A network namespace without a name: a process that does nothing holds it, and the kernel takes it away with that process.
 * Nothing is left behind even when a test run is killed, since the holder's standard input then closes.
 *
 * Root makes it directly, anybody else inside a user namespace in which they are root. Where neither is allowed, `create`
 * rejects and says so: a boot test that looked at nothing must not pass.
 */
export class Namespace {
  readonly pid: number;
  private readonly holder: PipedChild;
  private readonly prefix: readonly string[];

  private constructor(holder: PipedChild, pid: number) {
    this.holder = holder;
    this.pid = pid;
    const user = isRoot() ? [] : ["--user", "--preserve-credentials"];
    this.prefix = ["nsenter", "--target", String(pid), ...user, "--net", "--"];
  }

  /** `beside`: a namespace that this one is to be linked with; both then belong to one user namespace. */
  static async create(beside?: Namespace): Promise<Namespace> {
    const user = isRoot() || beside ? [] : ["--user", "--map-root-user"];
    const [command = "", ...args] = [
      ...(beside?.prefix ?? []),
      "unshare",
      ...user,
      "--net",
      "--",
      ...HOLDER,
    ];
    const holder = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    let complaint = "";
    holder.stderr.on("data", (piece: Buffer) => {
      complaint += piece.toString();
    });
    const ended = once(holder, "close").then(() => false);
    const up = await Promise.race([once(holder.stdout, "data").then(() => true), ended]);
    if (!up || holder.pid === undefined) {
      throw new Error(
        `no network namespace could be made: run the boot tests as root, or allow unprivileged user namespaces. unshare said: ${complaint.trim()}`,
      );
    }
    const made = new Namespace(holder, holder.pid);
    made.run("ip", "link", "set", "lo", "up");
    // Router solicitations would only be noise on the wires that tests listen to.
    made.set("ipv6/conf/all/disable_ipv6", 1);
    made.set("ipv6/conf/default/disable_ipv6", 1);
    return made;
  }

  /** Runs a command inside to its end, whatever that is. */
  try(...argv: readonly string[]): SpawnSyncReturns<string> {
    const [command = "", ...args] = [...this.prefix, ...argv];
    return spawnSync(command, args, {
      encoding: "utf8",
      timeout: PATIENCE_MS,
      killSignal: "SIGKILL",
    });
  }

  /** Runs a command inside and returns what it printed; throws when it failed. */
  run(...argv: readonly string[]): string {
    const { status, stdout, stderr } = this.try(...argv);
    if (status === null)
      throw new Error(`${argv.join(" ")} did not end in ${PATIENCE_MS / 1_000} s`);
    if (status !== 0) throw new Error(`${argv.join(" ")}: status ${status}: ${stderr}`);
    return stdout;
  }

  /** Starts a command inside; its pid is the command's own. */
  spawn(...argv: readonly string[]): PipedChild {
    const [command = "", ...args] = [...this.prefix, ...argv];
    return spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  }

  /** A cable between this namespace and another; both ends are up and have no address. */
  connect(name: string, other: Namespace, otherName: string): void {
    const peer = ["type", "veth", "peer", "name", otherName, "netns", String(other.pid)];
    this.run("ip", "link", "add", "name", name, ...peer);
    this.run("ip", "link", "set", name, "up");
    other.run("ip", "link", "set", otherName, "up");
  }

  /** The hardware address of an interface inside. */
  macOf(name: string): string {
    const found = /link\/ether ([0-9a-f:]{17})/.exec(this.run("ip", "link", "show", "dev", name));
    if (found?.[1] === undefined) throw new Error(`${name} has no hardware address`);
    return found[1];
  }

  /** 0 off, 1 strict, 2 loose, for "all" and each interface named. */
  reversePathFilter(value: 0 | 1 | 2, ...names: readonly string[]): void {
    for (const name of ["all", ...names]) this.set(`ipv4/conf/${name}/rp_filter`, value);
  }

  /** Sets a kernel setting below /proc/sys/net, where there is one: a kernel may lack IPv6. */
  private set(key: string, value: number): void {
    const file = `/proc/sys/net/${key}`;
    this.run("sh", "-c", `! [ -e ${file} ] || echo ${value} > ${file}`);
  }

  async close(): Promise<void> {
    const closed = once(this.holder, "close");
    this.holder.stdin.end();
    await closed;
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
