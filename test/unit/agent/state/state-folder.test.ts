import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { stateFolderForAgent, stateFolderOfAgent } from "../../../../agent/state/state-folder.ts";
import { tempDir } from "../../../support/temp-dir.ts";

function withState(...names: string[]): string {
  const system = tempDir();
  for (const name of names) mkdirSync(path.join(system, name, "db"), { recursive: true });
  return system;
}

describe("the state folder of an agent", () => {
  it("is the one named, before the service manager's, and is made", () => {
    const dir = tempDir();
    const option = path.join(dir, "a/b");
    expect(stateFolderForAgent({ option, fromSystemd: "/nowhere" })).toBe(option);
    writeFileSync(path.join(option, "file"), "");
    const other = path.join(dir, "c");
    expect(stateFolderForAgent({ fromSystemd: `${other}:${dir}` })).toBe(other);
  });

  it("cannot be below a file", () => {
    const file = path.join(tempDir({ file: new Uint8Array(1) }), "file");
    expect(() => stateFolderForAgent({ option: path.join(file, "x") })).toThrow(
      expect.objectContaining({ code: "E_CACHE", message: expect.stringContaining(file) }),
    );
  });
});

describe("the state folder that a command is about", () => {
  it("is the system's, or the only one below it", () => {
    const one = withState(".");
    expect(stateFolderOfAgent({}, one)).toBe(one);
    const below = withState("eth0");
    mkdirSync(path.join(below, "other"));
    expect(stateFolderOfAgent({}, below)).toBe(path.join(below, "eth0"));
    expect(stateFolderOfAgent({ option: "/elsewhere" }, below)).toBe("/elsewhere");
  });

  it("must be chosen where there are several, or none", () => {
    const two = withState("eth0", "eth1");
    expect(() => stateFolderOfAgent({}, two)).toThrow(
      expect.objectContaining({ code: "E_USAGE", cure: expect.stringMatching(/eth0, .*eth1/) }),
    );
    expect(() => stateFolderOfAgent({}, "/nonexistent")).toThrow(
      expect.objectContaining({ code: "E_USAGE", cure: expect.stringContaining("--state") }),
    );
  });
});
