import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { AuthFlavor } from "../../../protocols/sunrpc/auth.ts";
import { emitRpcCall } from "../../../protocols/sunrpc/call.ts";
import { RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { EmitArgs } from "../../support/rpc-client.ts";
import { type Lab, SERVER_ADDRESS } from "./lab.ts";

/** How badly datagrams fare; chances are 0 to 1. */
export interface RelayFaults {
  /** Of each datagram, whichever way it goes. */
  readonly loss: number;
  /** That a call arrives twice. The second one comes late: others may have been answered meanwhile. */
  readonly duplication: number;
}

/** Where in its octets the results of a successful call are. */
export interface Results {
  readonly octets: Octets;
  readonly at: number;
  readonly len: number;
}

/** Below 1024: some exports ask for that. */
const LOCAL_PORT = 817;
const FIRST_PATIENCE_MS = 60;
const LONGEST_PATIENCE_MS = 1_000;
/** A server that is started again is waited for as long. */
const MAX_TRIES = 40;
const LATEST_MS = 120;

interface Waiting {
  readonly proc: string;
  done(octets: Octets): void;
}

/**
 * An RPC client by UDP in the client namespace of a lab, which asks again with the same xid, as kernels do. Its calls are root's.
 * Its datagrams are lost and doubled as `faults` says, with the chances of `random`.
 */
export class RpcByRelay {
  /** Calls sent once more because no answer came. */
  repeated = 0;
  faults: RelayFaults = { loss: 0, duplication: 0 };
  private readonly relay: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly random: () => number;
  private readonly waiting = new Map<number, Waiting>();
  private rest: Buffer = Buffer.alloc(0);
  private xid = 0x1000;
  private closed = false;

  private constructor(lab: Lab, random: () => number) {
    this.random = random;
    const program = resolve("test/real/support/udp-relay.mjs");
    const command = [process.execPath, program, SERVER_ADDRESS, String(LOCAL_PORT)];
    this.relay = spawn("ip", ["netns", "exec", lab.client, ...command], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.relay.stdout.on("data", (piece: Buffer) => this.take(piece));
    // It ends with its namespace when the test fails.
    this.relay.stdin.on("error", () => {
      this.closed = true;
    });
    lab.atEnd(() => this.close());
  }

  /** The lab's client namespace must have an address. */
  static async open(lab: Lab, random: () => number): Promise<RpcByRelay> {
    const rpc = new RpcByRelay(lab, random);
    const [said] = (await once(rpc.relay.stderr, "data")) as [Buffer];
    if (!said.toString().startsWith("up")) throw new Error(`the relay: ${said}`);
    return rpc;
  }

  /** Calls a procedure and resolves with its results; rejects when the server refuses the call itself. */
  async call(
    port: number,
    [prog, vers, proc]: readonly [number, number, number],
    args: EmitArgs = () => 0,
  ): Promise<Results> {
    this.xid += 1;
    const o = Octets.alloc(9_216);
    const unix = { machineName: "exerciser", uid: 0, gid: 0, groups: [] };
    const head = emitRpcCall({ xid: this.xid, prog, vers, proc, unix }, o, 0);
    const message = o.u8.slice(0, head + args(o, head));
    const octets = await this.exchange(port, this.xid, message, `${prog}.${proc}`);
    const view = new RpcReplyView();
    const status = view.reset(octets, 0, octets.u8.length);
    if (status !== 0 || !view.isSuccess) {
      const why = `status ${status}, accept ${view.acceptStat}, reject ${view.rejectStat}`;
      throw new Error(`procedure ${proc} of program ${prog}: ${why} (flavor ${AuthFlavor.Unix})`);
    }
    return { octets, at: view.resultsAt, len: view.resultsLen };
  }

  async close(): Promise<void> {
    this.closed = true;
    const closed = once(this.relay, "close");
    this.relay.stdin.end();
    await closed;
  }

  private exchange(port: number, xid: number, message: Uint8Array, proc: string): Promise<Octets> {
    return new Promise((done, reject) => {
      let patienceMs = FIRST_PATIENCE_MS;
      let tries = 0;
      let timer: NodeJS.Timeout | undefined;
      const attempt = (): void => {
        tries += 1;
        if (tries > 1) this.repeated += 1;
        if (tries > MAX_TRIES) {
          this.waiting.delete(xid);
          reject(new Error(`no answer to ${proc} after ${MAX_TRIES} calls`));
          return;
        }
        this.post(port, message);
        timer = setTimeout(attempt, patienceMs);
        patienceMs = Math.min(2 * patienceMs, LONGEST_PATIENCE_MS);
      };
      this.waiting.set(xid, {
        proc,
        done: (octets) => {
          clearTimeout(timer);
          this.waiting.delete(xid);
          done(octets);
        },
      });
      attempt();
    });
  }

  private post(port: number, message: Uint8Array): void {
    if (this.random() >= this.faults.loss) this.write(port, message);
    if (this.random() >= this.faults.duplication) return;
    setTimeout(() => this.write(port, message), this.random() * LATEST_MS);
  }

  private write(port: number, message: Uint8Array): void {
    if (this.closed) return;
    const head = Buffer.alloc(6);
    head.writeUInt32BE(message.length + 2, 0);
    head.writeUInt16BE(port, 4);
    this.relay.stdin.write(Buffer.concat([head, message]));
  }

  private take(piece: Buffer): void {
    this.rest = Buffer.concat([this.rest, piece]);
    while (this.rest.length >= 4 && this.rest.length >= 4 + this.rest.readUInt32BE(0)) {
      const end = 4 + this.rest.readUInt32BE(0);
      const reply = new Octets(new Uint8Array(this.rest.subarray(6, end)));
      this.rest = this.rest.subarray(end);
      if (this.random() < this.faults.loss) continue;
      // An answer to a call that was answered already is nobody's.
      this.waiting.get(reply.dv.getUint32(0))?.done(reply);
    }
  }
}
