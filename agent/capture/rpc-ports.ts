import { NFS_PORT } from "../../protocols/nfs/constants.ts";
import { PMAP_PORT } from "../../protocols/sunrpc/portmap.ts";
import { endpoint } from "../link/endpoint.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { Flow } from "./flow.ts";

const MAX_LEARNED = 1_024;
/** A program keeps its port until its server restarts. */
const IDLE_MS = 86_400_000;

/** Which ends of a conversation are RPC servers: by their port, or because a port mapper said so. */
export class RpcPorts {
  private readonly learned: BoundedMap<string, true> = new BoundedMap(MAX_LEARNED, IDLE_MS);

  /** A port mapper at `address` gave this port. */
  learn(address: string, port: number, nowMs: number): void {
    if (port < 1 || port > 0xffff) return;
    this.learned.set(endpoint(address, port), true, nowMs);
  }

  /** Whether one of the two ends is a server of RPC. */
  has(flow: Flow, nowMs: number): boolean {
    const { srcPort, dstPort } = flow;
    if (isWellKnown(srcPort) || isWellKnown(dstPort)) return true;
    if (this.learned.size === 0) return false;
    return (
      this.learned.get(flow.to, nowMs) !== undefined ||
      this.learned.get(flow.from, nowMs) !== undefined
    );
  }
}

function isWellKnown(port: number): boolean {
  return port === PMAP_PORT || port === NFS_PORT;
}
