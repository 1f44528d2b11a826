import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isAgentName, openAgentName } from "../../../../agent/identity/agent-name.ts";
import { tempDir } from "../../../support/temp-dir.ts";

describe("an agent's name", () => {
  it("is at first what the host is called, and stays that", async () => {
    const dir = tempDir();
    expect((await openAgentName(dir, undefined, ["", "pi"])).current).toBe("pi");
    expect((await openAgentName(dir, undefined, ["", "other"])).current).toBe("pi");
    expect(readFileSync(`${dir}/identity/name`, "utf8")).toBe("pi\n");
  });

  it("is what the medium says where it has none, and what the command line says anyhow", async () => {
    const dir = tempDir();
    expect((await openAgentName(dir, undefined, ["rack7", "pi"])).current).toBe("rack7");
    expect((await openAgentName(dir, "rack8", ["rack9", "pi"])).current).toBe("rack8");
    expect((await openAgentName(dir, undefined, ["rack9", "pi"])).current).toBe("rack8");
  });

  it("can be changed, and is then there at the next start", async () => {
    const dir = tempDir();
    const name = await openAgentName(dir, undefined, ["pi"]);
    await name.rename("Küche 2");
    expect(name.current).toBe("Küche 2");
    await expect(name.rename("a\nb")).rejects.toMatchObject({ code: "E_CONFIG" });
    expect((await openAgentName(dir, undefined, ["pi"])).current).toBe("Küche 2");
  });

  it("that is damaged on disk counts as none", async () => {
    const dir = tempDir({ "identity/name": "\u0000\u0000\n" });
    expect((await openAgentName(dir, undefined, ["pi"])).current).toBe("pi");
    writeFileSync(`${dir}/identity/name`, "");
    expect((await openAgentName(dir, undefined, ["bad\n", ""])).current).toBe("pilotlight");
  });

  it.each([
    ["rack 7", true],
    ["", false],
    [" rack", false],
    ["x".repeat(63), true],
    ["ü".repeat(32), false],
    ["a\u202eb", false],
  ])("%j can be one: %s", (name, want) => expect(isAgentName(name)).toBe(want));
});
