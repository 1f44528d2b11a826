import { LRUCache } from "lru-cache";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Export } from "./boot-plan.ts";

/** More machines than a rack has; the one that mounted longest ago is forgotten. */
const MAX_MOUNTS = 8_192;

/** Which root each machine mounted last. */
export class Mounts {
  private readonly byMac = new LRUCache<MacText, Export>({ max: MAX_MOUNTS });

  set(mac: MacText, exported: Export): void {
    this.byMac.set(mac, exported);
  }

  get(mac: MacText): Export | undefined {
    return this.byMac.get(mac);
  }

  /** Forgets the machines that are gone. */
  keepOnly(is: (mac: MacText) => boolean): void {
    for (const mac of [...this.byMac.keys()]) if (!is(mac)) this.byMac.delete(mac);
  }
}
