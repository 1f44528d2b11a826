import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { bashScript } from "../../../../../agent/cli/completion/bash.ts";
import { fishScript } from "../../../../../agent/cli/completion/fish.ts";
import { knownNames } from "../../../../../agent/cli/completion/names.ts";
import { zshScript } from "../../../../../agent/cli/completion/zsh.ts";
import { OperatorHome } from "../../../../../agent/operator/home.ts";
import { KnownAgents } from "../../../../../agent/operator/known-agents.ts";
import { NameCache } from "../../../../../agent/operator/name-cache.ts";
import { EXAMPLE_NAMES, EXAMPLES, exampleTree } from "../../../../support/completion-program.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

/** What bash offers for the last of these words. */
function offered(words: readonly string[]): readonly string[] {
  const dir = tempDir({
    "bin/pilotlight": EXAMPLE_NAMES,
    "script.bash": bashScript(exampleTree),
    "here/operator.pub": "",
  });
  chmodSync(path.join(dir, "bin/pilotlight"), 0o755);
  const program = `source ../script.bash
COMP_WORDS=(pilotlight "$@")
COMP_CWORD=$#
_pilotlight
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync(
    "bash",
    ["--norc", "--noprofile", "-uc", program, "bash", ...words],
    {
      cwd: path.join(dir, "here"),
      env: { PATH: `${path.join(dir, "bin")}:/usr/bin:/bin` },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("completion of bash", () => {
  it.each(EXAMPLES)("%j", (words, names) => {
    // As it is typed: quoted where that is needed.
    const quoted = names.map((name) => name.replaceAll(/[ ()]/g, "\\$&"));
    expect([...offered(words)].sort()).toEqual(quoted);
  });

  it("goes on with a name that is half typed and quoted", () => {
    expect(offered(["status", "rack7\\ "])).toEqual(["rack7\\ \\(2\\)"]);
    expect(offered(["status", "'rack7 "])).toEqual(["rack7\\ \\(2\\)"]);
  });
});

describe("completion scripts", () => {
  it("say nothing of hidden commands", () => {
    for (const script of [bashScript, zshScript, fishScript]) {
      expect(script(exampleTree)).not.toContain("/__complete");
    }
  });
});

describe("names for completion", () => {
  it("are those of known agents, and what these had when they were asked last", async () => {
    const home = new OperatorHome(path.join(tempDir(), "home"));
    const env = { PILOTLIGHT_HOME: home.dir };
    expect(await knownNames("agent", env)).toEqual([]);
    const fingerprint = "a".repeat(52);
    const address = "10.0.0.7:7458";
    await new KnownAgents(home).meet({ name: "rack7 (2)", fingerprint, address, asked: "" });
    const machine = {
      mac: "",
      ip: "",
      family: null,
      booting: false,
      overrides: [],
    };
    const cache = new NameCache(home);
    await cache.remember(fingerprint, [
      { ...machine, name: "v100", profile: "netbsd" },
      { ...machine, name: "pc1", profile: null },
    ]);
    await cache.remember("b".repeat(52), [{ ...machine, name: "forgotten", profile: "x" }]);
    expect(await knownNames("agent", env)).toEqual(["rack7 (2)"]);
    expect(await knownNames("machine", env)).toEqual(["pc1", "v100"]);
    expect(await knownNames("profile", env)).toEqual(["netbsd"]);
    expect(await knownNames("constructor", env)).toEqual([]);
    await home.write("names.json", "{ broken");
    expect(await knownNames("machine", env)).toEqual([]);
    expect(await knownNames("agent", env)).toEqual(["rack7 (2)"]);
    await home.write("known-agents.yaml", "agents: [");
    expect(await knownNames("agent", env)).toEqual([]);
  });
});
