import { describe, expect, it } from "vitest";
import { problems } from "./site-text.ts";

export const HEAD = "site: s\nnetwork: { address: 192.168.77.1/24 }\n"; // lines 1 and 2
export const ASSETS = "assets: { a: { file: a }, netbsd: { file: n } }\n"; // line 3
export const MAC = "00:03:ba:5b:ae:b3";
export const MAC_CURE = 'write six pairs of hex digits in quotes: "00:03:ba:5b:ae:b3"';
export const IPV4_CURE =
  "write four decimal numbers of 0 to 255 without leading zeros: 192.168.77.21";
export const PREFIX_CURE = "write our address and the prefix length, 8 to 30: 192.168.77.1/24";
export const HOSTS = "choose one of 192.168.77.1 to 192.168.77.254";
export const FILE_NAME_CURE =
  'write a relative path of printable ASCII, without a leading "/", "//", "." or ".." in it';

/** One machine on line 4, as flow text. */
export const machine = (text: string): string => `${HEAD}machines:\n  m: { ${text} }\n`;
/** One profile on line 5. */
export const profile = (text: string): string => `${HEAD}${ASSETS}profiles:\n  p: { ${text} }\n`;
/** One network key on line 4. */
export const network = (text: string): string =>
  `site: s\nnetwork:\n  address: 192.168.77.1/24\n  ${text}\n`;

/** What is wrong, the site file, and each problem as "line:column message / cure". */
export type Row = readonly [what: string, text: string, ...problems: string[]];
/** A test for each row. */
export function table(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    it.each(rows.map(([what, text, ...want]) => ({ what, text, want })))("$what", (row) => {
      expect(problems(row.text)).toEqual(row.want);
    });
  });
}
