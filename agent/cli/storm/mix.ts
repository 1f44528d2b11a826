import { InvalidArgumentError } from "commander";

/** What boots in a storm. */
export const STORM_FAMILIES = ["sun", "pxe", "uefi", "rpi"] as const;
export type StormFamily = (typeof STORM_FAMILIES)[number];

/** Parts of each family; together they may be any number above 0. */
export type Mix = ReadonlyMap<StormFamily, number>;

/** "sun:10,pxe:60" as parts. */
export function parseMix(text: string): Mix {
  const mix = new Map<StormFamily, number>();
  for (const part of text.split(",")) {
    const [, name = "", digits = ""] = /^([a-z]+):(\d{1,6})$/.exec(part.trim()) ?? [];
    const family = STORM_FAMILIES.find((f) => f === name);
    if (!family || mix.has(family)) throw wrongMix();
    mix.set(family, Number(digits));
  }
  if ([...mix.values()].every((n) => n === 0)) throw wrongMix();
  return mix;
}

function wrongMix(): InvalidArgumentError {
  return new InvalidArgumentError(
    `It looks like sun:10,pxe:60,uefi:20,rpi:10; the families are ${STORM_FAMILIES.join(", ")}.`,
  );
}

/**
 * `n` machines by family, spread evenly over the whole: where a rack is powered on from left to right, no kind comes first.
 *
 * What the parts leave over goes to the largest remainders.
 */
export function spreadMix(n: number, mix: Mix): StormFamily[] {
  const parts = [...mix.values()].reduce((sum, part) => sum + part, 0);
  const shares = [...mix].map(([family, part]) => {
    const exact = (n * part) / parts;
    return { family, count: Math.floor(exact), rest: exact - Math.floor(exact) };
  });
  const left = n - shares.reduce((sum, share) => sum + share.count, 0);
  const byRest = [...shares].sort((a, b) => b.rest - a.rest);
  for (const share of byRest.slice(0, left)) share.count += 1;
  return shares
    .flatMap(({ family, count }) =>
      Array.from({ length: count }, (_, i) => ({ family, at: (i + 0.5) / count })),
    )
    .sort((a, b) => a.at - b.at)
    .map(({ family }) => family);
}
