import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { AgentError, ERRORS, formatAgentError } from "../../../agent/errors.ts";

const PAGE = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");

describe("docs/errors.md", () => {
  const sections = PAGE.split(/^## (?=E_)/m)
    .slice(1)
    .map((s) => (s.split(/^## /m)[0] ?? "").trim());

  it("has every code of the table, in its order, and no other", () => {
    expect(sections.map((s) => s.split("\n")[0])).toEqual(Object.keys(ERRORS));
  });

  it.each(Object.entries(ERRORS))("says the same of %s", (code, { title, cure }) => {
    expect(sections).toContain(`${code}\n\n${title}\n\n**Cure:** ${cure}`);
  });
});

describe("ERRORS", () => {
  it.each(Object.entries(ERRORS))("%s has whole sentences", (code, { title, cure }) => {
    expect(code).toMatch(/^E_[A-Z]+(_[A-Z]+)*$/);
    expect(title).toMatch(/^[A-Z].*\.$/);
    expect(cure).toMatch(/^[A-Z].*\.$/);
  });
});

describe("AgentError", () => {
  it("carries code, cause and the table's cure", () => {
    const cause = new Error("EADDRINUSE");
    const error = new AgentError("E_PORT_IN_USE", "UDP 69 on 192.168.77.1", { cause });
    expect(error).toMatchObject({ name: "AgentError", code: "E_PORT_IN_USE", cause });
    expect(error.cure).toBe(ERRORS.E_PORT_IN_USE.cure);
    expect(formatAgentError(error)).toBe(
      `E_PORT_IN_USE: UDP 69 on 192.168.77.1\n    ${ERRORS.E_PORT_IN_USE.cure}`,
    );
  });

  it("takes a better cure, and has no cause unless given one", () => {
    const error = new AgentError("E_USAGE", "no site", { cure: "Give --site FILE." });
    expect(error.cure).toBe("Give --site FILE.");
    expect("cause" in error).toBe(false);
  });
});
