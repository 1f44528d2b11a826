import { createHash } from "node:crypto";
import type { Bundle, Targets } from "../../bundle/bundle.ts";
import type { PackedSite } from "../../bundle/pack-site.ts";
import { timeArgument, usage } from "./arguments.ts";
import type { Steering } from "./steering.ts";

/** When a bundle may be applied, and what it is numbered, as typed. */
export interface BundleOptions {
  readonly serial?: number;
  readonly expires?: string;
  readonly notBefore?: string;
}

/** A bundle that was signed. */
export interface SealedBundle {
  readonly serial: number;
  readonly octets: Uint8Array;
  /** SHA-256 of the octets, hex. */
  readonly digest: string;
}

/**
 * Signs a site for some agents. Its serial number is the time in seconds, or more where an agent has accepted a higher one.
 *
 * @param highest the highest serial number that an agent has accepted
 */
export async function makeBundle(
  steering: Steering,
  { site, main, files }: PackedSite,
  targets: Targets,
  options: BundleOptions,
  highest: number,
): Promise<SealedBundle> {
  const nowMs = steering.wallMs();
  const made = Math.floor(nowMs / 1000);
  const serial = options.serial ?? Math.max(made, highest + 1);
  const { notBefore, expires } = times(options, nowMs);
  const bundle: Bundle = {
    ...{ version: 1, site, serial, targets, made, main, files },
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(expires === undefined ? {} : { expires }),
  };
  const octets = steering.sealBundle(bundle, await steering.key());
  return { serial, octets, digest: createHash("sha256").update(octets).digest("hex") };
}

/** The times that are typed, in seconds since 1970. Throws E_USAGE. */
export function times(
  { expires, notBefore }: BundleOptions,
  nowMs: number,
): Pick<Bundle, "expires" | "notBefore"> {
  const from = notBefore === undefined ? undefined : timeArgument("--not-before", notBefore, nowMs);
  const to = expires === undefined ? undefined : timeArgument("--expires", expires, nowMs);
  if (to !== undefined && to <= Math.max(from ?? 0, nowMs / 1000)) {
    throw usage(`--expires ${expires} is over before it begins`, "Give a later time.");
  }
  return {
    ...(from === undefined ? {} : { notBefore: from }),
    ...(to === undefined ? {} : { expires: to }),
  };
}
