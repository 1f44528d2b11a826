import { AgentError } from "../errors.ts";
import { shortFingerprint } from "../identity/fingerprint.ts";
import type { Operator, Trust } from "../identity/trust.ts";
import type { OpenedBundle, Targets } from "./bundle.ts";
import type { ProvenTime } from "./time-floor.ts";

/** Against what a bundle is judged. */
export interface Judgement {
  readonly trust: Pick<Trust, "find" | "list">;
  /** Of the agent's identity key. */
  readonly fingerprint: string;
  /** The agent's instance name, before conflict renaming. */
  readonly name: string;
  /** The highest serial number that was ever accepted; 0: none. */
  readonly highestSerial: number;
  readonly time: ProvenTime;
}

/**
 * Whether an agent may apply a bundle: who signed it, for whom it is, its serial number and its dates. Returns who signed it.
 *
 * A date before which it must not be applied counts only when the clock can be right: otherwise a host without a clock would
 * never start. The date after which it must not be applied counts when the clock, or the floor of proven time, is past it.
 *
 * @throws AgentError E_BUNDLE_REFUSED, which says by which rule and which values
 */
export function judgeBundle({ bundle, signer }: OpenedBundle, against: Judgement): Operator {
  const operator = against.trust.find(signer);
  if (operator === undefined) throw untrusted(signer, against.trust);
  const { targets, serial } = bundle;
  if (!isMeant(targets, against)) {
    throw refused(
      `it is for ${targetsText(targets)}, and this agent is ${JSON.stringify(against.name)} with the key ${shortFingerprint(against.fingerprint)}`,
    );
  }
  if (serial <= against.highestSerial) {
    throw refused(
      `its serial number is ${serial}, and ${against.highestSerial} was accepted before`,
      "Sign it again with a higher serial number, as `pilotlight push` does by itself; to go back use `pilotlight rollback`.",
    );
  }
  const { wallMs, plausible, floorMs } = against.time;
  const nowMs = plausible ? Math.max(wallMs, floorMs) : floorMs;
  if (bundle.expires !== undefined && nowMs >= bundle.expires * 1000) {
    const proven = plausible ? "it is" : "as far as is proven, it is at least";
    throw refused(`it expired on ${dateOf(bundle.expires)}, and ${proven} ${dateOf(nowMs / 1000)}`);
  }
  if (bundle.notBefore !== undefined && plausible && wallMs < bundle.notBefore * 1000) {
    throw refused(
      `it must not be applied before ${dateOf(bundle.notBefore)}, and it is ${dateOf(wallMs / 1000)}`,
    );
  }
  return operator;
}

function isMeant(
  { any, agents = [], names = [] }: Targets,
  { fingerprint, name }: Judgement,
): boolean {
  // DNS names do not tell cases apart.
  const same = (other: string): boolean => other.toLowerCase() === name.toLowerCase();
  return any === true || agents.includes(fingerprint) || names.some(same);
}

function untrusted(signer: string, trust: Pick<Trust, "list">): AgentError {
  const known = trust.list().find(({ key }) => key.fingerprint === signer);
  if (known?.revoked !== undefined) {
    const when = known.revoked.slice(0, 10);
    return refused(
      `${shortFingerprint(signer)} signed it, the key of ${known.name} that was revoked on ${when}`,
    );
  }
  return refused(
    `${shortFingerprint(signer)} signed it, a key that this agent does not trust`,
    "Sign it with a key that the agent trusts, or have an operator add this one: `pilotlight trust add`.",
  );
}

/** A few of them: there may be hundreds. */
function targetsText({ agents = [], names = [] }: Targets): string {
  const all = [...names.map((name) => JSON.stringify(name)), ...agents.map(shortFingerprint)];
  const shown = all.slice(0, 4).join(", ");
  return all.length > 4 ? `${shown} and ${all.length - 4} more` : shown;
}

/** "2026-11-21 16:24 UTC". `seconds`: since 1970; a bundle may name any. */
function dateOf(seconds: number): string {
  const ms = seconds * 1000;
  if (Math.abs(ms) > 8.64e15) return `second ${seconds}`;
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function refused(why: string, cure?: string): AgentError {
  const options = cure === undefined ? {} : { cure };
  return new AgentError("E_BUNDLE_REFUSED", `the bundle is refused: ${why}`, options);
}
