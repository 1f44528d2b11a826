/**
 * What agents that were cut off promised to machines, as `test/unit/agent/addresses/lease-worker.mjs` says it, and whether the
 * next one keeps it.
 */
export class LeasePromises {
  /** Promises that were made. */
  made = 0;
  /** Addresses that one machine left and another got. */
  passedOn = 0;
  private owners = new Map<string, string>();
  private lastOwners = new Map<string, string>();

  /** Addresses that are promised now. */
  get size(): number {
    return this.owners.size;
  }

  /**
   * Takes the whole lines of one run, which begins with what that run knew. One that did not come to "ready" proves nothing.
   * Returns what was lost or given twice, a line each.
   */
  run(lines: readonly string[]): readonly string[] {
    const broken: string[] = [];
    const said = lines.map((line) => line.split(" "));
    const readyAt = lines.indexOf("ready");
    if (readyAt < 0) return broken;
    const kept = new Map<string, string>();
    for (const [word, mac = "", address = ""] of said.slice(0, readyAt)) {
      if (word !== "kept") continue;
      if (kept.has(address)) broken.push(`${address} is kept twice`);
      kept.set(address, mac);
    }
    for (const [address, mac] of this.owners) {
      if (kept.get(address) !== mac) {
        broken.push(`${address} was promised to ${mac}, and is kept for ${kept.get(address)}`);
      }
    }
    // One more may be kept: that of which the word was not said any more, or which was given back at the last moment.
    this.owners = kept;
    for (const [word, mac = "", address = ""] of said.slice(readyAt + 1)) {
      if (word === "bound") broken.push(...this.bound(mac, address));
      else if (word === "leaving") this.owners.delete(address);
    }
    return broken;
  }

  private *bound(mac: string, address: string): Iterable<string> {
    const owner = this.owners.get(address);
    if (owner !== undefined && owner !== mac) yield `${address} of ${owner} given to ${mac}`;
    for (const [other, its] of owner === mac ? [] : this.owners) {
      if (its === mac) yield `${mac} has ${other} and was given ${address}`;
    }
    this.made += 1;
    if ((this.lastOwners.get(address) ?? mac) !== mac) this.passedOn += 1;
    this.lastOwners.set(address, mac);
    this.owners.set(address, mac);
  }
}
