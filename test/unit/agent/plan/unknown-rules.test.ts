import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ruleFor, ruleWords, type UnknownEvidence } from "../../../../agent/plan/unknown-rules.ts";
import { parseSite } from "../../../../agent/site/load.ts";
import { matchesWildcard } from "../../../../agent/site/wildcard.ts";

const SHOWN: UnknownEvidence = {
  mac: "52:54:00:aa:bb:cc",
  family: "uefi-x64",
  architectures: [7],
  vendorClass: "PXEClient:Arch:00007:UNDI:003016",
  uuid: "4c4c4544-0035-4810-8057-b4c04f4a3032",
  serial: "",
  relay: 0,
  circuitId: "",
};

function found(rules: string, more: Partial<UnknownEvidence> = {}): string | undefined {
  const { site, problems } = parseSite(
    `site: s\nnetwork: { address: 10.0.0.1/24 }\nunknown:\n${rules}`,
    "/s.yaml",
  );
  if (!site) throw new Error(JSON.stringify(problems));
  const rule = ruleFor(site.unknown, { ...SHOWN, ...more });
  return rule && ruleWords(rule);
}

describe("the rule for a machine that the site does not name", () => {
  it.each<[string, string, Partial<UnknownEvidence>, string | undefined]>([
    ["none that fits", '  r: { match: { mac: "00:11" } }', {}, undefined],
    ["one about everybody", "  r: {}", {}, 'rule "r"'],
    ["its maker", '  r: { match: { mac: "52:54:00" } }', {}, 'rule "r": mac 52:54:00'],
    ["an architecture", "  r: { match: { architecture: 7 } }", {}, 'rule "r": architecture 7'],
    [
      "one of its architectures",
      "  r: { match: { architecture: 16 } }",
      { architectures: [7, 16] },
      'rule "r": architecture 16',
    ],
    [
      "a class",
      '  r: { match: { vendorClass: "PXEClient*" } }',
      {},
      'rule "r": vendorClass PXEClient*',
    ],
    ["another class", '  r: { match: { vendorClass: "PXEClient" } }', {}, undefined],
    ["a UUID", '  r: { match: { uuid: "4C4C4544-0035" } }', {}, 'rule "r": uuid 4c4c4544-0035'],
    ["a serial number that it does not tell", '  r: { match: { serial: "9ff" } }', {}, undefined],
    [
      "a serial number",
      '  r: { match: { serial: "9ff" } }',
      { serial: "9ffefdef" },
      'rule "r": serial 9ff',
    ],
    [
      "a port of a switch",
      '  r: { match: { circuitId: "ge-0/0/*" } }',
      { circuitId: "ge-0/0/17" },
      'rule "r": circuitId ge-0/0/*',
    ],
    [
      "all of several things",
      '  r: { match: { mac: "52:54:00", family: pxe-bios } }',
      {},
      undefined,
    ],
    [
      "the one that asks for most",
      '  all: {}\n  maker: { match: { mac: "52:54:00" } }\n  one: { match: { mac: "52:54:00:aa:bb:cc" } }\n  arch: { match: { architecture: 7, vendorClass: "*" } }',
      {},
      'rule "one": mac 52:54:00:aa:bb:cc',
    ],
  ])("%s", (_, rules, more, expected) => {
    expect(found(rules, more)).toBe(expected);
  });
});

describe("a pattern", () => {
  it("is what a regular expression of the same meaning is", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (t, p) => {
        const source = p.replace(/[*?]/g, (c) => (c === "*" ? ".*" : "."));
        expect(matchesWildcard(t, p)).toBe(new RegExp(`^${source}$`, "s").test(t));
      }),
    );
  });

  it("costs little, whatever it is held against", () => {
    const from = performance.now();
    expect(matchesWildcard("a".repeat(255), `${"a*".repeat(127)}b`)).toBe(false);
    expect(performance.now() - from).toBeLessThan(100);
  });
});
