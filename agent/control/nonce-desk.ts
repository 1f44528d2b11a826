import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { AgentError } from "../errors.ts";

/** How long a nonce may be used, ms. */
export const NONCE_MS = 60_000;
/** Time, 8 octets; random, 16; HMAC, 16. */
export const NONCE_LEN = 40;
const RANDOM_AT = 8;
const HMAC_AT = 24;
/** Nonces of one minute that were used. Only signed requests use one, so that this many are an operator's own doing. */
const MAX_SPENT = 20_000;

/**
 * Issues nonces without remembering them, and sees to it that each is used once.
 *
 * A nonce holds when it was issued and is authenticated by a secret of this process: no stranger can make the agent remember
 * anything, and a restart makes all of them void.
 */
export class NonceDesk {
  private readonly secret: Uint8Array = randomBytes(32);
  /** Nonces that were used, to when they would have ended. In the order in which they were used. */
  private readonly spent = new Map<string, number>();
  private readonly now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  issue(): Uint8Array {
    const nonce = new Uint8Array(NONCE_LEN);
    new DataView(nonce.buffer).setFloat64(0, this.now());
    nonce.set(randomBytes(HMAC_AT - RANDOM_AT), RANDOM_AT);
    nonce.set(this.proofOf(nonce), HMAC_AT);
    return nonce;
  }

  /** Whether this agent issued it within the last minute and it was not used. */
  isFresh(nonce: Uint8Array): boolean {
    const endsMs = this.endOf(nonce);
    return endsMs !== undefined && !this.spent.has(keyOf(nonce));
  }

  /** Uses a nonce up: false when it is not fresh. Throws E_BUSY when too many were used within the minute. */
  spend(nonce: Uint8Array): boolean {
    const endsMs = this.endOf(nonce);
    const key = keyOf(nonce);
    if (endsMs === undefined || this.spent.has(key)) return false;
    this.forgetEnded();
    if (this.spent.size >= MAX_SPENT) {
      throw new AgentError("E_BUSY", `more than ${MAX_SPENT} signed requests within a minute`);
    }
    this.spent.set(key, endsMs);
    return true;
  }

  /** Nonces that are remembered. */
  get remembered(): number {
    return this.spent.size;
  }

  /** When a nonce of ours ends; undefined when it is none, or has ended. */
  private endOf(nonce: Uint8Array): number | undefined {
    if (nonce.length !== NONCE_LEN) return undefined;
    if (!timingSafeEqual(this.proofOf(nonce), nonce.subarray(HMAC_AT))) return undefined;
    const issuedMs = new DataView(nonce.buffer, nonce.byteOffset).getFloat64(0);
    return this.now() - issuedMs < NONCE_MS ? issuedMs + NONCE_MS : undefined;
  }

  /** Every entry ends within a minute of its use, so that those used longest ago are looked at first. */
  private forgetEnded(): void {
    const nowMs = this.now();
    for (const [key, endsMs] of this.spent) {
      if (endsMs > nowMs && this.spent.size < MAX_SPENT) return;
      if (endsMs <= nowMs) this.spent.delete(key);
    }
  }

  private proofOf(nonce: Uint8Array): Uint8Array {
    const hmac = createHmac("sha256", this.secret).update(nonce.subarray(0, HMAC_AT)).digest();
    return hmac.subarray(0, NONCE_LEN - HMAC_AT);
  }
}

function keyOf(nonce: Uint8Array): string {
  return Buffer.from(nonce).toString("latin1");
}
