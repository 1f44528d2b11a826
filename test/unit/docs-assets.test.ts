import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cacheCommand } from "../../agent/cli/cache/command.ts";
import type { CommandHost } from "../../agent/cli/host.ts";
import { parseSite } from "../../agent/site/load.ts";

const PAGE = readFileSync(
  join(new URL("../..", import.meta.url).pathname, "docs/assets.md"),
  "utf8",
);

/** signify(1): "Ed", 8 octets of key number, 32 of key. */
const PUBLIC_KEY = `untrusted comment: a key\n${Buffer.from(`Ed${"k".repeat(40)}`).toString("base64")}\n`;

describe("docs/assets.md", () => {
  it("has a good site in it", () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? "";
    const { site, problems } = parseSite(yaml, "/site.yaml", undefined, () => PUBLIC_KEY);
    expect(problems).toBeUndefined();
    expect(site?.assets.size).toBeGreaterThan(10);
  });

  it("names every command of `pilotlight cache`, and no other, with options that it has", () => {
    const commands = cacheCommand({} as CommandHost).commands;
    const known = new Map(commands.map((c) => [c.name(), c.options.map((o) => o.long ?? "")]));
    const named = new Set<string>();
    for (const [, name = "", rest = ""] of PAGE.matchAll(/pilotlight cache ([a-z]+)([^\n`]*)/g)) {
      expect([...known.keys()]).toContain(name);
      named.add(name);
      for (const [option] of rest.matchAll(/--[a-z-]+/g)) expect(known.get(name)).toContain(option);
    }
    for (const name of known.keys()) expect(PAGE).toMatch(new RegExp(`^### .*\\b${name}\\b`, "m"));
    expect(named.size).toBeGreaterThan(7);
  });
});
