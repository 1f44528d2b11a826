import type { PublicKey } from "./keys.ts";
import type { Operator, Trust, TrustOrigin } from "./trust.ts";

/** The same trust, and somebody who is told when it has changed. */
export class WatchedTrust implements Trust {
  private readonly trust: Trust;
  private readonly changed: () => void;

  constructor(trust: Trust, changed: () => void) {
    this.trust = trust;
    this.changed = changed;
  }

  get unclaimed(): boolean {
    return this.trust.unclaimed;
  }

  list(): readonly Operator[] {
    return this.trust.list();
  }

  find(fingerprint: string): Operator | undefined {
    return this.trust.find(fingerprint);
  }

  async add(name: string, key: PublicKey, origin: TrustOrigin): Promise<Operator> {
    const operator = await this.trust.add(name, key, origin);
    this.changed();
    return operator;
  }

  async revoke(fingerprint: string): Promise<Operator> {
    const operator = await this.trust.revoke(fingerprint);
    this.changed();
    return operator;
  }
}
