import { describe, expect, it } from "vitest";
import type { AgentError } from "../../../../agent/errors.ts";
import { type Asker, Assignment, type Wishes } from "../../../../agent/publish/assignment.ts";

const A = "a".repeat(52);
const B = `b${"a".repeat(51)}`;
const STRANGER = `c${"a".repeat(51)}`;
const KNOWN = [
  { name: "rack7", fingerprint: A },
  { name: "Rack8", fingerprint: B },
  { name: "twin", fingerprint: A },
  { name: "twin", fingerprint: B },
];
const ONE = [{ file: "a.yaml", name: "rack7" }];
const TWO = [...ONE, { file: "dir/b.yaml", name: "rack9" }];

const wishes = (agents: readonly string[], any = false): Wishes => ({ for: agents, any });
const asker = (more: Partial<Asker>): Asker => ({
  ...{ proven: undefined, agent: "", name: "", board: "", address: "10.0.0.9" },
  ...more,
});

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect((error as AgentError).code).toBe("E_USAGE");
    return (error as AgentError).message;
  }
  throw new Error("it was not refused");
}

describe("Assignment", () => {
  it("gives a site to the keys that it is for, and to no other", () => {
    const a = new Assignment(TWO, wishes(["rack7=a.yaml", `${B.slice(0, 16)}=rack9`]), KNOWN);
    expect([a.targetsOf(0), a.targetsOf(1)]).toEqual([{ agents: [A] }, { agents: [B] }]);
    expect(a.match(asker({ proven: A, agent: A }))).toEqual({ site: 0 });
    expect(a.match(asker({ proven: B, agent: B, name: "rack7" }))).toEqual({ site: 1 });
    expect(a.match(asker({ proven: B, agent: "" }))).toEqual({ site: 1 });
    expect(a.match(asker({ proven: STRANGER, agent: STRANGER, name: "rack7" }))).toEqual({
      why: "no site is for it",
    });
    expect(a.match(asker({ agent: A, name: "rack7" }))).toMatchObject({
      why: "it shows no certificate, so it may be anybody",
    });
    expect(a.match(asker({ proven: STRANGER, agent: A }))).toMatchObject({
      why: "it says that it is another agent than its certificate shows",
    });
    expect(a.fingerprints).toEqual([A, B]);
  });

  it("takes a name that nobody has met as it is told, from one with some certificate", () => {
    const a = new Assignment(ONE, wishes(["New"]), KNOWN);
    expect(a.targetsOf(0)).toEqual({ names: ["New"] });
    expect(a.match(asker({ proven: STRANGER, agent: STRANGER, name: "NEW" }))).toEqual({ site: 0 });
    expect(a.match(asker({ agent: STRANGER, name: "New" }))).toHaveProperty("why");
    expect(a.audience(0)).toEqual(['"New", whose key is not known']);
    expect(a.fingerprints).toBeUndefined();
  });

  it("gives what is for everybody to everybody", () => {
    const a = new Assignment(ONE, wishes([], true), KNOWN);
    expect([a.targetsOf(0), a.fingerprints]).toEqual([{ any: true }, undefined]);
    expect(a.match(asker({}))).toEqual({ site: 0 });
    expect(a.match(asker({ proven: A, agent: B }))).toHaveProperty("why");
  });

  it("goes by the names of the sites when nothing is said", () => {
    const a = new Assignment(TWO, wishes([]), KNOWN);
    expect([a.targetsOf(0), a.targetsOf(1)]).toEqual([{ agents: [A] }, { names: ["rack9"] }]);
    expect(a.audience(0)).toEqual(["rack7 (aaaa-aaaa-aaaa-aaaa)"]);
  });

  it("refuses what would not be clear", () => {
    const made = (sites: typeof TWO, agents: readonly string[], any = false) =>
      refusal(() => new Assignment(sites, wishes(agents, any), KNOWN));
    expect(made(TWO, [], true)).toContain("which of the 2 sites");
    expect(made(ONE, ["rack7"], true)).toContain("both --for and --any");
    expect(made(TWO, ["rack7"])).toContain("which of the 2 sites");
    expect(made(TWO, ["rack7=c.yaml"])).toContain("no such site");
    expect(made(TWO, ["=a.yaml"])).toContain("names no agent");
    expect(made(ONE, ["twin"])).toContain("more than one agent");
    expect(made(TWO, ["rack7=a.yaml", `${A}=rack9`])).toContain("would get both a.yaml and dir/b");
    expect(made([...ONE, { file: "c.yaml", name: "rack7" }], [])).toContain("would get both");
    expect(made([...ONE, { file: "c.yaml", name: "rack7" }], ["x=rack7"])).toContain(
      "several sites",
    );
  });
});
