import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Export } from "./boot-plan.ts";

/** Which root each machine mounted last. One entry a machine of the site. */
export class Mounts {
  private readonly byMac = new Map<MacText, Export>();

  set(mac: MacText, exported: Export): void {
    this.byMac.set(mac, exported);
  }

  get(mac: MacText): Export | undefined {
    return this.byMac.get(mac);
  }

  /** Forgets the machines that are gone. */
  keepOnly(is: (mac: MacText) => boolean): void {
    for (const mac of this.byMac.keys()) if (!is(mac)) this.byMac.delete(mac);
  }
}
