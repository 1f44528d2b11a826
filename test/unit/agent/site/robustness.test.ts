import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatProblems } from "../../../../agent/site/problems.ts";
import { read } from "./site-text.ts";

const TEXT = `site: rack7
network: { interface: eth0, address: 172.24.42.150/24, dns: [9.9.9.9], relays: [10.1.0.1] }
assets:
  a: { file: a, sha256: "${"9f".repeat(32)}" }
  b: { file: b }
profiles:
  bsd:
    bsd: { loader: a, root: { netbsd: b }, bootparams: { swap: "v100:/swap" } }
  lin:
    linux: { kernel: a, initrd: [a, b], cmdline: quiet, root: dir }
    files: { f: a, g: { template: t } }
    boot: f
defaults: { chain: { pxe-bios: a } }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: bsd, vars: { n: 3 } }
  minipc: { mac: "00:11:22:33:44:55", ip: 172.24.42.60, profile: lin, chain: { ipxe: b } }
`;

/** What stands in place of a word, a number, a bracket. */
const SUBSTITUTES = ["", "x", "7", "0.5", "null", "[]", "{}", "[x, [y]]", "{ x: y }", ".inf", "~"];
const TOKENS = [...TEXT.matchAll(/[\w.-]+|"[^"]*"|[[\]{}:,\n]/g)];

const change = fc.record({
  token: fc.nat(TOKENS.length - 1),
  by: fc.oneof(fc.constantFrom(...SUBSTITUTES, "\t", "*a", "&a ", "!t ", "|", '"'), fc.string()),
});

describe("parseSite", () => {
  it("takes the text that the next test spoils", () => {
    expect(read(TEXT, ["/rack/t"]).problems).toBeUndefined();
  });

  it("answers any text with a site or with problems that lie in it, and never throws", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let text = TEXT;
        for (const { token, by } of changes.toSorted((a, b) => b.token - a.token)) {
          const { index = 0, 0: old = "" } = TOKENS[token] ?? {};
          text = text.slice(0, index) + by + text.slice(index + old.length);
        }
        const result = read(text, ["/rack/t"]);
        if (result.site !== undefined) return;
        const lines = text.split("\n");
        expect(result.problems.length).toBeGreaterThan(0);
        for (const p of result.problems) {
          expect(p.message).not.toMatch(/undefined|\n/);
          expect(p.cure).not.toMatch(/undefined|\n|^$/);
          expect(p.line).toBeLessThanOrEqual(lines.length);
          expect(lines[p.line - 1]?.replace(/\r$/, "")).toBe(p.source);
          expect(p.column).toBeLessThanOrEqual(p.source.length + 1);
        }
        formatProblems(result.problems);
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 1_500 },
    );
  });
});
