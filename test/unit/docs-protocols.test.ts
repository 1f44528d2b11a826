import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DECODERS } from "../support/example-packets.ts";
import { hex } from "../support/hex.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const FOLDER = new URL("../../docs/protocols", import.meta.url).pathname;

/** A packet that a page shows, and what the table behind it says of it. */
interface Example {
  readonly page: string;
  readonly line: number;
  readonly kind: string;
  readonly octets: string;
  readonly claims: readonly (readonly [string, string])[];
}

/** A fenced block "```hex KIND": spaced hex, "00 *N" for N zeros, words behind ";". A table of fields follows it. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(join(FOLDER, page), "utf8");
  const pattern = /```hex (\S+)\n([\s\S]*?)```\n\n((?:\|.*\|\n)*)/g;
  return [...text.matchAll(pattern)].map((match) => ({
    page,
    line: text.slice(0, match.index).split("\n").length,
    kind: match[1] ?? "",
    octets: octetsOf(match[2] ?? ""),
    claims: claimsOf(match[3] ?? ""),
  }));
}

function octetsOf(block: string): string {
  const bare = block.replace(/;.*$/gm, "");
  return bare.replace(/00 \*(\d+)/g, (_, count: string) => "00 ".repeat(Number(count)));
}

function claimsOf(table: string): [string, string][] {
  const rows = table.split("\n").slice(2, -1);
  return rows.map((row) => {
    const [, field = "", value = ""] = row.split("|").map((cell) => cell.trim());
    return [field, value.replaceAll("`", "")];
  });
}

const PAGES: readonly string[] = readdirSync(FOLDER).filter((name) => name.endsWith(".md"));
const EXAMPLES: readonly Example[] = PAGES.flatMap(examplesOf);

describe("docs/protocols", () => {
  it.each(EXAMPLES)("$page:$line: the $kind is what its table says", (example) => {
    const decode = DECODERS[example.kind];
    expect(decode).toBeDefined();
    const fields = decode?.(hex(example.octets));
    expect(fields).toBeTypeOf("object");
    expect(example.claims.length).toBeGreaterThan(0);
    const said = example.claims.map(([field]) => [
      field,
      typeof fields === "object" ? String(fields[field]) : "",
    ]);
    expect(example.claims).toEqual(said);
  });

  it("every block of hex is one that the test above finds", () => {
    const fences = PAGES.flatMap((page) =>
      readFileSync(join(FOLDER, page), "utf8").match(/^```hex/gm),
    ).filter((fence) => fence !== null);
    expect(EXAMPLES.length).toBe(fences.length);
  });

  it("shows a packet of every kind", () => {
    expect([...new Set(EXAMPLES.map((e) => e.kind))].sort()).toEqual(Object.keys(DECODERS).sort());
  });

  it.each(PAGES)("%s: every path that it names is there", (page) => {
    const text = readFileSync(join(FOLDER, page), "utf8").replace(/```[\s\S]*?```/g, "");
    const named = [...text.matchAll(/\b(?:agent|firmware-sim|protocols|test)\/[\w./-]*\w/g)];
    const dead = named.map(([path]) => path).filter((path) => !existsSync(join(ROOT, path)));
    expect(dead).toEqual([]);
  });

  it("the list of pages names every page", () => {
    const list = readFileSync(join(FOLDER, "README.md"), "utf8");
    const named = [...list.matchAll(/\]\(([a-z0-9-]+\.md)\)/g)].map((match) => match[1] ?? "");
    expect([...new Set(named)].sort()).toEqual(PAGES.filter((p) => p !== "README.md").sort());
  });
});
