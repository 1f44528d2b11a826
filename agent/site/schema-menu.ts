import * as v from "valibot";
import { PXE_MENU_FOREVER } from "../../protocols/dhcp/pxe.ts";
import { type Leaf, parsed, TEXT, text, Wrong } from "./leaves.ts";
import { listOf, table } from "./table.ts";
import { quote } from "./wording.ts";

/** A boot menu as it is written. */
export interface RawMenu {
  readonly prompt?: string;
  readonly timeout?: number;
  readonly items?: readonly { readonly name?: string; readonly boot?: string }[];
}

const opt = v.exactOptional;
const TIMEOUT_CURE =
  "write whole seconds from 0s to 254s, as in 5s; or never, to wait for a choice";

/** What a ROM can write on its screen. */
const SHOWN: Leaf<string> = text(
  (s) => /^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$/.test(s),
  "a text that a ROM can show",
  "write printable ASCII, on one line",
);

/** "5s" in seconds; "never" is PXE_MENU_FOREVER. A bare number has no unit, as everywhere in the file. */
const TIMEOUT: Leaf<number> = v.lazy((x): Leaf<number> => {
  const leaf = parsed("a time for a boot menu", TIMEOUT_CURE, (s) => {
    if (s === "never") return PXE_MENU_FOREVER;
    const seconds = Number(/^(\d{1,9}) ?s$/.exec(s)?.[1] ?? Number.NaN);
    if (/^\d+$/.test(s)) return new Wrong(`${quote(s)} has no unit`, TIMEOUT_CURE);
    return seconds < PXE_MENU_FOREVER ? seconds : undefined;
  });
  if (typeof x !== "number") return leaf;
  return v.custom<number>(
    () => false,
    () => `the number ${x} has no unit\n${TIMEOUT_CURE}`,
  );
});

/** `menu` of a profile. */
export const MENU: v.GenericSchema<unknown, RawMenu> = table({
  prompt: opt(SHOWN),
  timeout: opt(TIMEOUT),
  items: opt(listOf(table({ name: opt(SHOWN), boot: opt(TEXT) }), false)),
}) as v.GenericSchema<unknown, RawMenu>;
