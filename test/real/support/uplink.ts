import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Nginx, type NginxChild } from "../../support/nginx.ts";
import { etcOf, type Lab, run } from "./lab.ts";

/** The name of the store, which only the agent's namespace can look up. */
const STORE = "store.example";
const STORE_ADDRESS = "10.99.0.2";

/**
 * The agent's way out of the rack, with a store at its other end:
 *
 *     server: wan0 10.99.0.1/30 ──── eth0 10.99.0.2 :store
 *
 * It can be narrowed, cut, and mended. Where it is cut no name can be looked up either.
 */
export class Uplink {
  private readonly agent: string;
  private readonly store: string;

  constructor(lab: Lab) {
    this.agent = lab.server;
    this.store = lab.namespace("u");
    run(`ip -n ${this.store} link add eth0 type veth peer name wan0 netns ${this.agent}`);
    for (const name of ["srv0", "wan0"]) {
      run(`ip netns exec ${this.agent} sysctl -qw net.ipv4.conf.${name}.rp_filter=1`);
    }
    // What the queue below counts is then packets as they are on a wire.
    run(`ip netns exec ${this.store} ethtool -K eth0 tx off tso off gso off`);
    run(`ip -n ${this.store} address add ${STORE_ADDRESS}/30 dev eth0`);
    run(`ip -n ${this.agent} address add 10.99.0.1/30 dev wan0`);
    run(`ip -n ${this.store} link set eth0 up`);
    mkdirSync(etcOf(this.agent), { recursive: true });
    this.etc("resolv.conf", `nameserver ${STORE_ADDRESS}\noptions timeout:1 attempts:1\n`);
    this.mend();
  }

  /** An nginx at the other end, and the address under which the agent knows it. */
  async serve(files: Readonly<Record<string, Uint8Array>>): Promise<Store> {
    const nginx = await Nginx.start({
      address: STORE_ADDRESS,
      files,
      spawn: (program, ...args) => spawnIn(this.store, program, args),
    });
    return { nginx, origin: `http://${STORE}:${nginx.port}` };
  }

  /** Lets no more than this through to the agent, in kilobits a second. */
  narrow(kbit: number): void {
    const shape = `rate ${kbit}kbit burst 8kb limit 64kb`;
    run(`tc -n ${this.store} qdisc replace dev eth0 root tbf ${shape}`);
  }

  widen(): void {
    // `replace` keeps what is queued; taking the queue away would lose it.
    run(`tc -n ${this.store} qdisc replace dev eth0 root tbf rate 1gbit burst 1mb limit 1mb`);
  }

  cut(): void {
    this.etc("hosts", "127.0.0.1 localhost\n");
    run(`ip -n ${this.agent} link set wan0 down`);
  }

  mend(): void {
    this.etc("hosts", `127.0.0.1 localhost\n${STORE_ADDRESS} ${STORE}\n`);
    run(`ip -n ${this.agent} link set wan0 up`);
  }

  private etc(name: string, text: string): void {
    writeFileSync(join(etcOf(this.agent), name), text);
  }
}

/** A store at the other end of an uplink. */
export interface Store {
  readonly nginx: Nginx;
  /** "http://store.example:PORT". */
  readonly origin: string;
}

function spawnIn(netns: string, program: string, args: readonly string[]): NginxChild {
  return spawn("ip", ["netns", "exec", netns, program, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
}
