import type {
  ObjectVersion,
  OpenObject,
  OpenRequest,
  Probe,
  Source,
} from "../../agent/assets/stores/source.ts";
import { AgentError } from "../../agent/errors.ts";

/** A store that does as a test says. */
export class ScriptedSource implements Source {
  readonly id: string;
  readonly label: string;
  local = false;
  octets: Uint8Array;
  /** What tells versions apart; the octets' length alone when there is none. */
  etag: string | undefined = "1";
  /** The digest by which the store itself calls the object. */
  sha256: string | undefined;
  /** Whether it tells the size beforehand. */
  sized = true;
  resumable = true;
  /** Every question fails with this. */
  failure: Error | undefined;
  /** The transfer breaks off here, once. */
  breakAt: number | undefined;
  /** Nothing more comes from here on, until the signal. */
  stallAt: number | undefined;
  /** Whether not even the signal ends a stall. */
  deaf = false;
  /** Awaited before each piece. */
  pace: (() => Promise<void>) | undefined;
  pieceLen = 100;
  readonly opens: number[] = [];
  probes = 0;
  /** Transfers that go on now, and the most there were at once. */
  active = 0;
  most = 0;

  constructor(id: string, octets: Uint8Array) {
    this.id = id;
    this.label = `https://${id}/object`;
    this.octets = octets;
  }

  get version(): ObjectVersion {
    return {
      ...(this.sized ? { size: this.octets.length } : {}),
      ...(this.etag === undefined ? {} : { etag: this.etag }),
      ...(this.sha256 === undefined ? {} : { sha256: this.sha256 }),
      fileName: "object",
    };
  }

  async probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe> {
    this.probes += 1;
    signal.throwIfAborted();
    await Promise.resolve();
    if (this.failure) throw this.failure;
    const same = known !== undefined && this.etag !== undefined && known.etag === this.etag;
    return same ? { changed: false } : { changed: true, version: this.version };
  }

  async open({ from, version, signal }: OpenRequest): Promise<OpenObject> {
    this.opens.push(from);
    signal.throwIfAborted();
    await Promise.resolve();
    if (this.failure) throw this.failure;
    const goOn = this.resumable && version?.etag === this.etag && from < this.octets.length;
    const at = goOn ? from : 0;
    return { from: at, version: this.version, octets: this.send(at, signal) };
  }

  private async *send(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.active += 1;
    this.most = Math.max(this.most, this.active);
    const { octets } = this;
    try {
      for (let at = from; at < octets.length; ) {
        await this.pace?.();
        signal.throwIfAborted();
        if (this.stallAt !== undefined && at >= this.stallAt) await this.stall(signal);
        if (this.breakAt !== undefined && at >= this.breakAt) {
          this.breakAt = undefined;
          throw new AgentError("E_STORE_BROKEN", `${this.label}: ended after ${at} octets`);
        }
        const piece = octets.slice(at, at + this.pieceLen);
        at += piece.length;
        yield piece;
      }
    } finally {
      this.active -= 1;
    }
  }

  private stall(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      if (!this.deaf) signal.addEventListener("abort", () => reject(signal.reason));
    });
  }
}

/** A store that is not there. */
export function unreachable(label = "store"): AgentError {
  return new AgentError("E_STORE_UNREACHABLE", `${label}: connection refused`);
}
