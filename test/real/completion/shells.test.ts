import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { fishScript } from "../../../agent/cli/completion/fish.ts";
import { zshScript } from "../../../agent/cli/completion/zsh.ts";
import { OperatorHome } from "../../../agent/operator/home.ts";
import { KnownAgents } from "../../../agent/operator/known-agents.ts";
import { EXAMPLE_NAMES, EXAMPLES, exampleTree } from "../../support/completion-program.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PROGRAM = path.resolve("dist/agent/pilotlight.js");
/** What a shell waits for names, ms. */
const NAMES_MS = 300;

/** Runs a shell beside a file "operator.pub", with a `pilotlight` in its path; the lines that it prints. */
function shell(
  argv: readonly [string, ...string[]],
  files: Readonly<Record<string, string>>,
  program: string,
): readonly string[] {
  const dir = tempDir({ ...files, "bin/pilotlight": program, "here/operator.pub": "" });
  chmodSync(path.join(dir, "bin/pilotlight"), 0o755);
  for (const name of ["probe.zsh", "inside.zsh"]) {
    copyFileSync(path.join("test/real/completion", name), path.join(dir, name));
  }
  const [command, ...args] = argv;
  const { PATH = "" } = process.env;
  const { stdout, stderr, status } = spawnSync(command, args, {
    cwd: path.join(dir, "here"),
    env: {
      ...process.env,
      HOME: dir,
      PILOTLIGHT_HOME: path.join(dir, "home"),
      PATH: `${path.join(dir, "bin")}:${PATH}`,
    },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("fish", () => {
  it.each(EXAMPLES)("%j", (words, offered) => {
    const line = `complete -C 'pilotlight ${words.join(" ")}'`;
    const said = shell(
      ["fish", "--no-config", "-c", `source ../s.fish; ${line}`],
      { "s.fish": fishScript(exampleTree) },
      EXAMPLE_NAMES,
    );
    expect(said.map((text) => text.split("\t")[0]).sort()).toEqual(offered);
  });
});

describe("zsh", () => {
  it.each(EXAMPLES)("%j", (words, offered) => {
    const said = shell(
      ["zsh", "-f", "../probe.zsh", "../s.zsh", `pilotlight ${words.join(" ")}`],
      { "s.zsh": zshScript(exampleTree) },
      EXAMPLE_NAMES,
    );
    expect(said.map((text) => text.replaceAll("\\", "")).sort()).toEqual(offered);
  });
});

describe("the program", () => {
  const real = `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`;

  it.each([
    [
      "bash",
      [
        "bash",
        "--norc",
        "-c",
        "source <(pilotlight completion bash); COMP_WORDS=(pilotlight cache ver); COMP_CWORD=2; _pilotlight; echo $COMPREPLY",
      ],
    ],
    [
      "zsh",
      [
        "zsh",
        "-fc",
        "pilotlight completion zsh > s.zsh && zsh -f ../probe.zsh s.zsh 'pilotlight cache ver'",
      ],
    ],
    [
      "fish",
      [
        "fish",
        "--no-config",
        "-c",
        "pilotlight completion fish | source; complete -C 'pilotlight cache ver'",
      ],
    ],
  ] as const)("makes a script that %s completes its commands with", (_, argv) => {
    const said = shell(argv, {}, real);
    expect(said.map((text) => text.split("\t")[0])).toEqual(["verify"]);
  });

  it("has names ready before anybody notices, and never fails for want of them", async () => {
    expect(existsSync(PROGRAM)).toBe(true);
    const home = new OperatorHome(path.join(tempDir(), "home"));
    const agents = Array.from({ length: 200 }, (_, i) => ({
      name: `rack${i}`,
      fingerprint: String(i)
        .replace(/\d/g, (digit) => "abcdefghij"[Number(digit)] ?? "")
        .padEnd(52, "q"),
      lastAddress: `10.0.0.${i}:7458`,
    }));
    await home.write("known-agents.yaml", JSON.stringify({ agents }));
    const met = {
      name: "rack200",
      fingerprint: "z".repeat(52),
      address: "10.0.1.1:7458",
      asked: "",
    };
    await new KnownAgents(home).meet(met);
    const ask = (
      kind: string,
      dir: string,
    ): { ms: number; stdout: string; status: number | null } => {
      const fromMs = performance.now();
      const { stdout, status } = spawnSync(process.execPath, [PROGRAM, "__complete", kind], {
        env: { PILOTLIGHT_HOME: dir },
        encoding: "utf8",
      });
      return { ms: performance.now() - fromMs, stdout, status };
    };
    const runs = Array.from({ length: 5 }, () => ask("agent", home.dir));
    expect(runs[0]?.stdout.split("\n")).toHaveLength(202);
    // The quickest of them: others may use the processor meanwhile.
    expect(Math.min(...runs.map(({ ms }) => ms))).toBeLessThan(NAMES_MS);
    for (const dir of ["/dev/null", "/nowhere/at/all"]) {
      expect(ask("machine", dir)).toMatchObject({ stdout: "", status: 0 });
    }
  });
});
