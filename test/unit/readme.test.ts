import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSite } from "../../agent/site/load.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Every page for people: the README files and docs/. */
function pages(dir = ""): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(ROOT, dir), { withFileTypes: true })) {
    if (["node_modules", "dist", "coverage", "test-output"].includes(entry.name)) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory() && !entry.name.startsWith(".")) found.push(...pages(path));
    else if (entry.name.endsWith(".md")) found.push(path);
  }
  return found;
}

describe("the pages", () => {
  it.each(pages())("%s: every link leads somewhere", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    const dead = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
      .map((match) => match[1] ?? "")
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !existsSync(join(ROOT, dirname(page), link)));
    expect(dead).toEqual([]);
  });

  it("README: the site file is a good one", () => {
    const text = readFileSync(join(ROOT, "README.md"), "utf8");
    const yaml = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
    const result = parseSite(yaml, "README.md");
    expect(result).toHaveProperty("site");
  });

  it("README: every make target that it names is there", () => {
    const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
    const text = readFileSync(join(ROOT, "README.md"), "utf8");
    const named = new Set([...text.matchAll(/\bmake ([a-z-]+)/g)].map((match) => match[1] ?? ""));
    expect(named.size).toBeGreaterThan(2);
    for (const target of named) expect(makefile).toMatch(new RegExp(`^${target}:`, "m"));
  });
});
