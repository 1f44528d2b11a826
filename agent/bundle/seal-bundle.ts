import { type CborValue, encodeCbor } from "../cose/cbor-writer.ts";
import { BUNDLE } from "../cose/purposes.ts";
import { sealSign1 } from "../cose/sign1.ts";
import { AgentError } from "../errors.ts";
import type { SigningKey } from "../identity/keys.ts";
import type { Bundle } from "./bundle.ts";
import { bundleFault, MAX_BUNDLE } from "./bundle-rules.ts";

/**
 * Signs a bundle: a COSE_Sign1 message whose payload is the bundle as a map, with the signer's public key beside it. The same
 * bundle and key always give the same octets.
 *
 * @throws AgentError E_BUNDLE when it breaks a rule of its form, or is larger than 4 MiB
 */
export function sealBundle(bundle: Bundle, key: SigningKey): Uint8Array {
  const fault = bundleFault(bundle);
  if (fault !== undefined) throw unfit(`the bundle cannot be made: ${fault}`);
  const octets = sealSign1(encodeCbor(payloadOf(bundle, key)), key, BUNDLE);
  if (octets.length <= MAX_BUNDLE) return octets;
  throw unfit(`the bundle has ${octets.length} octets, and agents take ${MAX_BUNDLE}`);
}

function payloadOf(bundle: Bundle, key: SigningKey): CborValue {
  const { any, agents, names } = bundle.targets;
  return {
    version: bundle.version,
    site: bundle.site,
    serial: bundle.serial,
    targets: { any, agents, names },
    notBefore: bundle.notBefore,
    expires: bundle.expires,
    made: bundle.made,
    main: bundle.main,
    files: bundle.files,
    signer: key.publicKey.octets,
  };
}

function unfit(message: string): AgentError {
  return new AgentError("E_BUNDLE", message, {
    cure: "Correct what the message names; large files belong into `assets`, where agents fetch them.",
  });
}
