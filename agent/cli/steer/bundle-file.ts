import { AgentError } from "../../errors.ts";
import { print, printJson } from "../print.ts";
import { count } from "../words.ts";
import { meantAgents, meetAll } from "./agents-met.ts";
import { usage } from "./arguments.ts";
import { makeBundle, times } from "./make-bundle.ts";
import { anyFailed } from "./outcome.ts";
import { type PushOptions, packGoodSite, report } from "./push.ts";
import type { Steering } from "./steering.ts";

/** Only its owner reads it: a configuration may hold more than its writer thinks of. */
const MODE = 0o600;
const WHOLE_FINGERPRINT = /^[a-z2-7]{52}$/;

export interface BundleFileOptions extends PushOptions {
  readonly any?: true;
}

/** Replaces a file as a whole, with this mode. */
export type ReplaceFile = (file: string, content: Uint8Array, mode: number) => Promise<void>;

/**
 * `pilotlight push --out`: the bundle goes into a file instead, for a web server or a boot medium.
 *
 * Agents that are given by their whole fingerprint need not be there; all others are asked who they are.
 */
export async function writeBundleFile(
  steering: Steering,
  file: string,
  named: readonly string[],
  options: BundleFileOptions & { readonly out: string },
  replaceFile: ReplaceFile,
): Promise<void> {
  const agents = meantAgents(steering, named, options.all ?? false);
  if (agents.length > 0 === (options.any ?? false)) {
    const cure = "Name the agents, or give --any for every agent that trusts your key.";
    throw usage("--out: for whom is the bundle?", cure);
  }
  times(options, steering.wallMs());
  const packed = await packGoodSite(steering, file);
  const absent = agents.filter((agent) => WHOLE_FINGERPRINT.test(agent));
  const { met, failed } = await meetAll(
    steering,
    agents.filter((agent) => !WHOLE_FINGERPRINT.test(agent)),
  );
  for (const { connection } of met) connection.close();
  if (anyFailed(failed)) return report(steering, failed, options);
  const fingerprints = [...new Set([...absent, ...met.map(({ fingerprint }) => fingerprint)])];
  const bundle = await makeBundle(
    steering,
    packed,
    options.any ? { any: true } : { agents: fingerprints },
    options,
    Math.max(0, ...met.map(({ highestSerial }) => highestSerial)),
  );
  const { octets, serial, digest } = bundle;
  try {
    await replaceFile(options.out, octets, MODE);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AgentError("E_USAGE", `${options.out} cannot be written: ${why}`, {
      cause,
      cure: "Give --out the name of a file in a folder that you may write to.",
    });
  }
  if (options.json) {
    const { out } = options;
    printJson(steering, { out, serial, digest, site: packed.site, agents: fingerprints });
    return;
  }
  const whom = options.any ? "every agent that trusts you" : count(fingerprints.length, "agent");
  print(steering, [
    `${options.out}: serial ${serial} of ${packed.site}, for ${whom}, ${octets.length} octets`,
    `sha256 ${digest}`,
    "Only you can read the file: a web server needs more.",
  ]);
}
