import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Family } from "../site/families.ts";
import type { UnknownMatch, UnknownRule } from "../site/site.ts";
import { matchesWildcard } from "../site/wildcard.ts";

/** What a machine that the site does not name showed of itself. */
export interface UnknownEvidence {
  readonly mac: MacText;
  readonly family: Family;
  /** Architectures of option 93. */
  readonly architectures: readonly number[];
  /** Option 60; "": none. */
  readonly vendorClass: string;
  /** Option 97, lower-case with dashes; "": none. */
  readonly uuid: string;
  /** Of a Raspberry Pi, lower-case hex; "": it is none, or does not say. */
  readonly serial: string;
  /** giaddr; 0: it is in the rack. */
  readonly relay: Ipv4;
  /** Option 82.1 as text; "": none. */
  readonly circuitId: string;
}

/** The first rule that is about this machine; rules stand with those that ask for most first. */
export function ruleFor(
  rules: readonly UnknownRule[],
  e: UnknownEvidence,
): UnknownRule | undefined {
  return rules.find(({ match }) => matches(match, e));
}

/** What a rule found, for the journal: `rule "makers": mac 52:54:00`. */
export function ruleWords({ name, match }: UnknownRule): string {
  const words = Object.entries(match).map(([key, value]) => `${key} ${value}`);
  return `rule "${name}"${words.length === 0 ? "" : `: ${words.join(", ")}`}`;
}

function matches(m: UnknownMatch, e: UnknownEvidence): boolean {
  return (
    (m.mac === undefined || e.mac.startsWith(m.mac)) &&
    (m.family === undefined || e.family === m.family) &&
    (m.architecture === undefined || e.architectures.includes(m.architecture)) &&
    (m.vendorClass === undefined || matchesWildcard(e.vendorClass, m.vendorClass)) &&
    (m.uuid === undefined || (e.uuid !== "" && e.uuid.startsWith(m.uuid))) &&
    (m.serial === undefined || (e.serial !== "" && e.serial.startsWith(m.serial))) &&
    (m.relay === undefined || e.relay === m.relay) &&
    (m.circuitId === undefined || matchesWildcard(e.circuitId, m.circuitId))
  );
}
