import * as v from "valibot";
import { type Leaf, parsed, shown, Wrong } from "./leaves.ts";
import { quote } from "./wording.ts";

const SECONDS: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
]);

/** Timers of Node count milliseconds in 31 bits: longer ones go off at once. */
const MAX_SECONDS = 24 * 86_400;

const OCTETS: ReadonlyMap<string, number> = new Map([
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
  ["TiB", 1024 ** 4],
]);

const DURATION_CURE =
  "write a whole number with s, m, h or d (seconds, minutes, hours, days), as in 6h; or never";
/** Shorter ones are renewed all the time; beyond a year nothing gets better. */
const MIN_LEASE_S = 120;
const MAX_LEASE_S: number = 365 * 86_400;
const LEASE_CURE =
  "write a whole number with m, h or d (minutes, hours, days), from 2m to 365d, as in 12h";
const SIZE_CURE = "write a number with KiB, MiB, GiB or TiB, as in 8GiB";

/** "6h" in milliseconds; "never" is 0. */
export const DURATION: Leaf<number> = withUnit("a duration", DURATION_CURE, (s) => {
  if (s === "never") return 0;
  const [, digits = "", unit = ""] = /^(\d{1,9}) ?([a-z])$/.exec(s) ?? [];
  const seconds = Number(digits) * (SECONDS.get(unit) ?? 0);
  if (SECONDS.has(unit) && seconds === 0) {
    return new Wrong(`${quote(s)} is no time at all`, 'write "never", or at least 1s');
  }
  if (seconds > MAX_SECONDS) {
    return new Wrong(`${quote(s)} is too long a time`, 'write "never", or at most 24d');
  }
  return seconds === 0 ? undefined : seconds * 1000;
});

/** "12h" in seconds: how long a lease is. */
export const LEASE: Leaf<number> = withUnit("the length of a lease", LEASE_CURE, (s) => {
  const [, digits = "", unit = ""] = /^(\d{1,9}) ?([a-z])$/.exec(s) ?? [];
  const seconds = Number(digits) * (SECONDS.get(unit) ?? 0);
  if (!SECONDS.has(unit)) return undefined;
  const fits = seconds >= MIN_LEASE_S && seconds <= MAX_LEASE_S;
  return fits ? seconds : new Wrong(`${quote(s)} is no useful length of a lease`, LEASE_CURE);
});

/** "8GiB" in octets. */
export const SIZE: Leaf<number> = withUnit("a size", SIZE_CURE, (s) => {
  const [, digits = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?) ?([KMGT]iB)$/.exec(s) ?? [];
  const octets = Math.floor(Number(digits) * (OCTETS.get(unit) ?? 0));
  return octets > 0 && Number.isSafeInteger(octets) ? octets : undefined;
});

/** How many versions of an asset are kept. */
export const VERSIONS: Leaf<number> = v.custom<number>(
  (x) => typeof x === "number" && Number.isInteger(x) && x >= 2 && x <= 20,
  (i) =>
    `${shown(i.input)} is not a number of versions\nwrite 2 to 20: the one that is served counts, and there must be one to go back to`,
);

/** true or false. */
export const SWITCH: Leaf<boolean> = v.boolean(
  (i) => `${shown(i.input)} is neither true nor false\nwrite true or false, without quotes`,
);

/** Whoever writes a bare number has forgotten the unit, and is told of units first. */
function withUnit(
  what: string,
  cure: string,
  parse: (s: string) => number | Wrong | undefined,
): Leaf<number> {
  const bare = v.custom<number>(
    (x) => typeof x !== "number",
    (i) => `${shown(i.input)} has no unit\n${cure}`,
  );
  const text = parsed(what, cure, (s) =>
    /^[\d.]+$/.test(s) ? new Wrong(`${quote(s)} has no unit`, cure) : parse(s),
  );
  return v.lazy((x): Leaf<number> => (typeof x === "number" ? bare : text));
}
