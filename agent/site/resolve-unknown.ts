import type { Names } from "./names.ts";
import { resolveChain } from "./resolve-assets.ts";
import type { RawMatch, RawUnknown } from "./schema-network.ts";
import type { AssetSpec, Defaults, Profile, UnknownMatch, UnknownRule } from "./site.ts";

/** What the rules are resolved against. */
export interface UnknownContext {
  readonly assets: Names<AssetSpec>;
  readonly profiles: Names<Profile>;
  readonly defaults: Defaults;
}

/** The rules for machines that are not listed, those that ask for most first. */
export function resolveUnknown(
  raw: Readonly<Record<string, RawUnknown>>,
  context: UnknownContext,
): readonly UnknownRule[] {
  const rules: UnknownRule[] = [];
  for (const [name, rule] of Object.entries(raw)) {
    const at = ["unknown", name];
    const profile =
      rule.profile === undefined
        ? undefined
        : context.profiles.find(rule.profile, [...at, "profile"]);
    const own = resolveChain(rule.chain ?? {}, context.assets, [...at, "chain"]);
    rules.push(
      Object.freeze({
        name,
        match: Object.freeze(matchOf(rule.match ?? {})),
        ...(profile === undefined ? {} : { profile }),
        vars: Object.freeze({ ...rule.vars }),
        chain: new Map([...context.defaults.chain, ...own]),
      }),
    );
  }
  // Of equals the file's order decides: sort() keeps it.
  return Object.freeze(rules.sort((a, b) => weight(b.match) - weight(a.match)));
}

function matchOf(raw: RawMatch): UnknownMatch {
  return { ...raw };
}

/**
 * How much a rule asks for. What names one machine weighs more than what names a make, and that more than what many share;
 * of two beginnings the longer one weighs more.
 */
function weight(m: UnknownMatch): number {
  let sum = 0;
  if (m.mac !== undefined) sum += (m.mac.length === 17 ? 10_000 : 1_000) + m.mac.length;
  if (m.uuid !== undefined) sum += (m.uuid.length === 36 ? 10_000 : 1_000) + m.uuid.length;
  if (m.serial !== undefined) sum += 10_000 + m.serial.length;
  if (m.circuitId !== undefined) sum += 800 + literal(m.circuitId);
  if (m.relay !== undefined) sum += 600;
  if (m.vendorClass !== undefined) sum += 200 + literal(m.vendorClass);
  if (m.architecture !== undefined) sum += 100;
  if (m.family !== undefined) sum += 100;
  return sum;
}

function literal(pattern: string): number {
  return Math.min(pattern.replace(/[*?]/g, "").length, 99);
}
