import { spawn } from "node:child_process";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac } from "../../protocols/wire/mac-address.ts";

/** `ip` that hangs is ended after this long, so that no reply waits for it for ever. */
const TIMEOUT_MS = 5_000;
/**
 * While one after the other is asked for, as when a rack powers on, `ip` is begun no oftener. To begin it stops the event
 * loop for 5 ms, on a busy host for 80.
 */
const SPACING_MS = 100;

interface Pending {
  readonly line: string;
  readonly done: (ok: boolean) => void;
}

/**
 * Entries of the kernel's neighbour table for machines that cannot answer ARP yet.
 *
 * A Sun PROM, and a Raspberry Pi while it loads, never answer ARP, so that our first TFTP packet would never leave. The
 * entry is set before the reply that gives the address goes out, and taken away when the agent stops. One `ip` process
 * runs at a time; what comes meanwhile goes into the next one's batch. A machine that comes alone never waits for that.
 */
export class Neighbours {
  private readonly interfaceName: string;
  private readonly failed: (message: string) => void;
  private readonly set = new Set<Ipv4>();
  private waiting: Pending[] = [];
  private running = false;
  private begunAt = 0;

  /** `failed` is told what `ip` said, once a batch. */
  constructor(interfaceName: string, failed: (message: string) => void) {
    this.interfaceName = interfaceName;
    this.failed = failed;
  }

  /** Resolves when the kernel has the entry, or when it could not be set (then `failed` was told). */
  async put(address: Ipv4, mac: Uint8Array): Promise<void> {
    this.set.add(address);
    await this.enqueue(
      `neigh replace ${formatIpv4(address)} lladdr ${formatMac(mac)} dev ${this.interfaceName} nud permanent`,
    );
  }

  /** Takes away what was set. */
  async clear(): Promise<void> {
    const lines = [...this.set].map((a) => `neigh del ${formatIpv4(a)} dev ${this.interfaceName}`);
    this.set.clear();
    await Promise.all(lines.map((line) => this.enqueue(line)));
  }

  private enqueue(line: string): Promise<boolean> {
    return new Promise((done) => {
      this.waiting.push({ line, done });
      if (!this.running) this.run();
    });
  }

  /** What came while `ip` ran; more may come until it is time for the next. */
  private runLater(): void {
    if (this.waiting.length === 0) {
      this.running = false;
      return;
    }
    const passed = performance.now() - this.begunAt;
    setTimeout(() => this.run(), Math.max(0, SPACING_MS - passed));
  }

  private run(): void {
    const batch = this.waiting;
    this.waiting = [];
    this.running = true;
    this.begunAt = performance.now();
    const ip = spawn("ip", ["-force", "-batch", "-"], {
      stdio: ["pipe", "ignore", "pipe"],
      timeout: TIMEOUT_MS,
    });
    let complaint = "";
    let ended = false;
    const end = (ok: boolean): void => {
      if (ended) return;
      ended = true;
      if (!ok) this.failed(complaint.trim() || "ip neigh failed");
      for (const p of batch) p.done(ok);
      this.runLater();
    };
    ip.stderr.on("data", (piece: Buffer) => {
      if (complaint.length < 1_000) complaint += piece.toString();
    });
    ip.on("error", (error) => {
      complaint = `cannot run ip (package iproute2): ${error.message}`;
      end(false);
    });
    ip.on("close", (status) => end(status === 0));
    ip.stdin.on("error", () => {});
    ip.stdin.end(`${batch.map((p) => p.line).join("\n")}\n`);
  }
}
