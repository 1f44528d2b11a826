import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Namespace, PipedChild } from "../../support/netns.ts";
import { until } from "../../support/until.ts";

/** What avahi-browse says of a service that it resolved. */
export interface Resolved {
  readonly interface: string;
  readonly protocol: "IPv4" | "IPv6";
  readonly name: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly txt: readonly string[];
}

/** Where the host's own programs find their sockets: another /run for each of these hosts, by a mount namespace. */
const SET_UP =
  "mount -t tmpfs tmpfs /run && mkdir -p /run/dbus /run/avahi-daemon && echo up && exec cat";

/** A host with a D-Bus and an Avahi of its own, in a network namespace. The system's own are not touched. */
export class AvahiHost {
  private readonly holder: PipedChild;
  private readonly pid: number;
  private readonly running = new Map<string, PipedChild>();

  private constructor(holder: PipedChild, pid: number) {
    this.holder = holder;
    this.pid = pid;
  }

  static async create(ns: Namespace): Promise<AvahiHost> {
    const argv = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", SET_UP];
    const holder = ns.spawn(...argv);
    let complaint = "";
    holder.stderr.on("data", (piece: Buffer) => {
      complaint += piece.toString();
    });
    const up = await Promise.race([
      once(holder.stdout, "data").then(() => true),
      once(holder, "close").then(() => false),
    ]);
    if (!up || holder.pid === undefined) throw new Error(`no mount namespace: ${complaint}`);
    const host = new AvahiHost(holder, holder.pid);
    host.background("dbus", "dbus-daemon", "--system", "--nofork", "--nopidfile");
    await host.socket("/run/dbus/system_bus_socket");
    return host;
  }

  /** Starts a command here. */
  readonly spawn = (...argv: readonly string[]): PipedChild => {
    // The namespaces of the holder, network and all.
    const words = ["--target", String(this.pid), "--mount", "--net", "--", ...argv];
    return spawn("nsenter", words, { stdio: ["pipe", "pipe", "pipe"] });
  };

  /** Runs Avahi on this interface, by IPv4 and IPv6. */
  async start(hostName: string, interfaceName: string): Promise<void> {
    const config = `[server]\nhost-name=${hostName}\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=${interfaceName}\nratelimit-interval-usec=0\n[publish]\npublish-workstation=no\n`;
    const write = this.spawn("sh", "-c", "cat > /run/avahi.conf");
    const written = once(write, "close");
    write.stdin.end(config);
    await written;
    const options = ["--no-drop-root", "--no-rlimits", "--no-chroot", "-f", "/run/avahi.conf"];
    this.background("avahi", "avahi-daemon", ...options);
    await this.socket("/run/avahi-daemon/socket");
  }

  /** Ends Avahi: by SIGTERM it says goodbye. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.end("avahi", signal);
  }

  /** Has Avahi announce a service until `unpublish`. */
  publish(name: string, type: string, port: number, ...txt: readonly string[]): void {
    this.background(`publish ${name}`, "avahi-publish", "-s", name, type, String(port), ...txt);
  }

  async unpublish(name: string): Promise<void> {
    await this.end(`publish ${name}`, "SIGTERM");
  }

  /** What avahi-browse finds of a type, all of it resolved. */
  async browse(type: string): Promise<readonly Resolved[]> {
    const child = this.spawn("avahi-browse", "-rtp", type);
    let out = "";
    child.stdout.on("data", (piece: Buffer) => {
      out += piece.toString();
    });
    await once(child, "close");
    return out.split("\n").flatMap((line) => resolvedOf(line) ?? []);
  }

  async close(): Promise<void> {
    for (const name of [...this.running.keys()].reverse()) await this.end(name, "SIGKILL");
    const closed = once(this.holder, "close");
    this.holder.stdin.end();
    await closed;
  }

  private background(name: string, ...argv: readonly string[]): void {
    const child = this.spawn(...argv);
    child.stdout.resume();
    child.stderr.resume();
    this.running.set(name, child);
  }

  private async end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.running.get(name);
    this.running.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill(signal);
    await closed;
  }

  private async socket(path: string): Promise<void> {
    await until(path, () => existsSync(`/proc/${this.pid}/root${path}`));
  }
}

/** "=;eth0;IPv4;rack7;_pilotlight._tcp;local;vm.local;10.9.0.1;7458;"board=x" …": blanks and the like as "\032". */
function resolvedOf(line: string): Resolved | undefined {
  const [sign, name = "", protocol, instance = "", , , host = "", address = "", port, ...rest] =
    line.split(";");
  if (sign !== "=" || (protocol !== "IPv4" && protocol !== "IPv6")) return;
  return {
    interface: name,
    protocol,
    name: instance.replace(/\\(\d{3})/g, (_, n: string) => String.fromCharCode(Number(n))),
    host,
    address,
    port: Number(port),
    txt: [...rest.join(";").matchAll(/"([^"]*)"/g)].map(([, text = ""]) => text).sort(),
  };
}
