import { encodePxeVendor, pxeMenu } from "../../protocols/dhcp/pxe.ts";
import type { Path, Problems } from "./problems.ts";
import type { RawMenu } from "./schema-menu.ts";
import type { BootMenu, MenuItem } from "./site.ts";

/** What stands on the screen where the site says nothing; F8 is the key by which PXE firmware shows its menu. */
const PROMPT = "Press F8 for the menu";
const TIMEOUT_S = 10;

/**
 * The menu of a profile, at `at`; `checkBoot` reports names of boot files that the profile does not have.
 *
 * Undefined when something is wrong with it, which is reported.
 */
export function resolveMenu(
  profile: string,
  { prompt: text = PROMPT, timeout: timeoutS = TIMEOUT_S, items: raw }: RawMenu,
  at: Path,
  problems: Problems,
  checkBoot: (boot: string, at: Path, whose: string) => void,
): BootMenu | undefined {
  const whose = `menu of profile "${profile}"`;
  const itemsCure = "say what there is to choose: items: [{ name: TEXT, boot: FILE }, …]";
  if (raw === undefined || raw.length === 0) {
    const message = `${whose} has no items`;
    if (raw) problems.add([...at, "items"], message, itemsCure, "key");
    else problems.addMissing(at, "items", message, itemsCure);
    return undefined;
  }
  const items = raw.flatMap(({ name, boot }, i): readonly MenuItem[] => {
    const here = [...at, "items", String(i)];
    if (boot !== undefined) checkBoot(boot, [...here, "boot"], `item ${i + 1} of the ${whose}`);
    if (name === undefined) {
      const cure = "write what stands in the menu: name: TEXT";
      problems.add(here, `item ${i + 1} of the ${whose} has no name`, cure);
      return [];
    }
    return [Object.freeze({ name, ...(boot === undefined ? {} : { boot }) })];
  });
  const prompt = { timeoutS, text };
  const names = items.map(({ name }) => name);
  if (!encodePxeVendor(pxeMenu(0, prompt, names))) {
    const cure = "shorten its prompt or the names of its items, or leave some of them out";
    problems.add(at, `the ${whose} does not fit the 255 octets of option 43`, cure, "key");
    return undefined;
  }
  return Object.freeze({ prompt, items });
}
