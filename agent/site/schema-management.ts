import * as v from "valibot";
import * as leaf from "./leaves.ts";
import { type RawSecret, SECRET } from "./schema-stores.ts";
import { READ_POLICIES, type ReadPolicy } from "./site.ts";
import { listOf, table } from "./table.ts";
import { didYouMean, quote } from "./wording.ts";

/** Who steers the agent from where, as the file says it. */
export interface RawManagement {
  readonly interfaces?: readonly string[];
  readonly read?: ReadPolicy;
  readonly token?: RawSecret;
}

const opt = v.exactOptional;

const READ = v.pipe(
  leaf.TEXT,
  v.check(
    (s) => (READ_POLICIES as readonly string[]).includes(s),
    (i) => `${quote(i.input)} is not a way to let read\n${didYouMean(i.input, READ_POLICIES, "")}`,
  ),
);

/** The section `management`. */
export const MANAGEMENT: v.GenericSchema<unknown, RawManagement> = table(
  { interfaces: opt(listOf(leaf.INTERFACE, true)), read: opt(READ), token: opt(SECRET) },
  {
    interface: { cure: "write interfaces: [eth0]", for: "interfaces" },
    port: { cure: "give --control-port to `pilotlight serve`" },
  },
) as unknown as v.GenericSchema<unknown, RawManagement>;
