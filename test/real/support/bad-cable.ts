import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { type Lab, run } from "./lab.ts";

/** What a bad cable does to frames, whichever way they go. */
export interface CableFaults {
  /** 0 to 1. */
  readonly loss: number;
  readonly delayMs: number;
  /** Each frame is later or earlier by up to this: so they overtake each other. */
  readonly jitterMs: number;
}

/**
 * Makes the cable between a lab's agent and its guests a bad one: `tc netem` at both of its ends, or, where the kernel has no
 * netem, a relay of ours between two bridges:
 *
 *     server: srv0 ──── up0 ─ br1 ─ bad1 ┄┄┄ bad0 ─ br0 ─ tap0, tap1
 */
export async function worsenCable(lab: Lab, faults: CableFaults): Promise<void> {
  const { client, server } = lab;
  const netem = `loss ${faults.loss * 100}% delay ${faults.delayMs}ms ${faults.jitterMs}ms`;
  if (hasNetem(server)) {
    run(`tc -n ${server} qdisc add dev srv0 root netem ${netem}`);
    run(`tc -n ${client} qdisc add dev up0 root netem ${netem}`);
    return;
  }
  const numbers = [faults.loss, faults.delayMs, faults.jitterMs].map(String);
  const program = resolve("test/real/support/bad-link.py");
  const command = ["python3", program, "self", "bad0", "self", "bad1", ...numbers, "frames"];
  const relay = lab.startIn(client, command, "bad-link.log");
  if ((await relay.until(/^up/m, 10_000)) !== "match") {
    throw new Error(`the relay did not start:\n${relay.tail()}`);
  }
  run(`ip -n ${client} link add br1 type bridge forward_delay 0 stp_state 0 mcast_snooping 0`);
  run(`ip -n ${client} link set br1 up`);
  run(`ip -n ${client} link set up0 master br1`);
  run(`ip -n ${client} link set bad1 master br1 up`);
  run(`ip -n ${client} link set bad0 master br0 up`);
}

function hasNetem(netns: string): boolean {
  try {
    const tried = ["-n", netns, "qdisc", "add", "dev", "srv0", "root", "netem", "loss", "0%"];
    execFileSync("tc", tried, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const { stderr = "" } = error as { readonly stderr?: string };
    if (stderr.includes("kind is unknown")) return false;
    throw new Error(`tc netem: ${stderr}`);
  }
  run(`tc -n ${netns} qdisc delete dev srv0 root`);
  return true;
}
