import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { type StormFile, stormFiles } from "./files.ts";
import { type StormMachine, stormMachines } from "./fleet.ts";
import { spreadMix } from "./mix.ts";
import type { StormOptions } from "./options.ts";
import { stormSite } from "./site-text.ts";

const PREFIX_LEN = 16;
const NETWORK_MASK = 0xffff0000 | 0;

/** What a storm boots: the machines, what they load, and the site that says so. */
export interface StormPlan {
  readonly machines: readonly StormMachine[];
  readonly files: readonly StormFile[];
  readonly address: Ipv4;
  readonly prefixLen: number;
  readonly site: (interfaceName?: string) => string;
}

/** The plan that the options name; the same options name the same. */
export function planStorm(options: StormOptions): StormPlan {
  const { address } = options;
  const families = spreadMix(options.machines, options.mix);
  const machines = stormMachines(address & NETWORK_MASK, families);
  const files = stormFiles(options);
  const prefixLen = PREFIX_LEN;
  const site = (interfaceName?: string): string =>
    stormSite({ interfaceName, address, prefixLen, files, machines });
  return { machines, files, address, prefixLen, site };
}
