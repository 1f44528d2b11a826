import { timingSafeEqual } from "node:crypto";
import { encodeCbor } from "../control/cbor.ts";
import { AgentError } from "../errors.ts";
import { claimedProof, claimProof } from "../identity/claim-proof.ts";
import type { PublicKey } from "../identity/keys.ts";
import type { AgentClient } from "./agent-client.ts";
import { ROOT } from "./verb-path.ts";

/**
 * Becomes the first operator of an agent, by the code that it shows (without dashes).
 *
 * Both sides prove to know the code, bound to both keys: who stands between them learns nothing of it and is found out.
 * Rejects with E_CLAIM: the code is wrong, somebody was faster, or it is not the agent that shows it.
 */
export async function claimAgent(
  agent: AgentClient,
  code: string,
  operator: PublicKey,
  name: string,
): Promise<void> {
  const nonce = await agent.nonce();
  const facts = { fingerprint: agent.fingerprint, nonce, publicKey: operator.octets };
  const proof = claimProof(code, facts);
  const body = encodeCbor({ publicKey: operator.octets, name, nonce, proof });
  const answer = await agent.plain("POST", `${ROOT}/claim`, body);
  const { proof: answered } = (answer ?? {}) as { readonly proof?: unknown };
  const right = claimedProof(code, facts);
  if (
    !(answered instanceof Uint8Array) ||
    answered.length !== right.length ||
    !timingSafeEqual(answered, right)
  ) {
    throw new AgentError("E_CLAIM", `${agent.where} does not know its own code`, {
      cure: "This is not the agent that shows the code: somebody else answers at its address. Nothing was told.",
    });
  }
}
