import { existsSync } from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import { Command, CommanderError } from "commander";
import type { CommandHost } from "../../../../../agent/cli/host.ts";
import type { SteerParts } from "../../../../../agent/cli/steer/context.ts";
import { steerCommands } from "../../../../../agent/cli/steer/steer-commands.ts";
import type { FoundAgent } from "../../../../../agent/discovery/services.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { FakeAgent, type FakeOptions } from "../../../../support/fake-agent.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** What it failed with, which main.ts would print. */
  readonly error?: AgentError;
}

/** An operator with a home folder, on a network with these agents. */
export class Desk {
  readonly home: string = `${tempDir()}/home`;
  readonly found: FoundAgent[] = [];
  readonly answers: string[] = [];
  env: NodeJS.ProcessEnv = {};
  /** Calls what the command does at Ctrl-C. */
  interrupt: () => void = () => undefined;
  /** What a command does that waits. */
  pause: (ms: number) => Promise<unknown> = () => Promise.reject(new Error("nothing waits here"));
  /** Told of what is printed so far. */
  watch: (stdout: string) => void = () => undefined;

  /** Runs `pilotlight ARGS` in this process. */
  async run(...args: readonly string[]): Promise<Run> {
    let status = 0;
    let error: AgentError | undefined;
    const texts = { stdout: "", stderr: "" };
    const stream = (name: keyof typeof texts): NodeJS.WriteStream => {
      const made = new PassThrough();
      made.on("data", (piece: Buffer) => {
        texts[name] += piece.toString();
        if (name === "stdout") this.watch(texts.stdout);
      });
      return made as unknown as NodeJS.WriteStream;
    };
    const host = {
      env: { PILOTLIGHT_HOME: this.home, ...this.env },
      entry: "",
      pid: 0,
      isRoot: false,
      stdout: stream("stdout"),
      stderr: stream("stderr"),
      onStopSignal: (fn: () => void) => {
        this.interrupt = fn;
      },
      onReloadSignal: () => {},
      exit: () => {
        throw new Error("a command ended the process");
      },
      setExitStatus: (n: number) => {
        status = n;
      },
    } as CommandHost;
    const parts: SteerParts = {
      browse: () => Promise.resolve(this.found),
      ask: () => Promise.resolve(this.answers.shift()),
      systemFolder: tempDir(),
      pause: (ms) => this.pause(ms),
    };
    const program = new Command("pilotlight").exitOverride();
    for (const command of steerCommands(host, () => Promise.resolve(parts))) {
      program.addCommand(command);
      command.copyInheritedSettings(program);
      for (const sub of command.commands) sub.copyInheritedSettings(program);
    }
    try {
      await program.parseAsync(args, { from: "user" });
    } catch (thrown) {
      if (thrown instanceof CommanderError) status = 2;
      else if (thrown instanceof AgentError) {
        error = thrown;
        status = thrown.code === "E_USAGE" ? 2 : 1;
      } else throw thrown;
    }
    await new Promise((resolve) => setImmediate(resolve));
    return { ...texts, status, ...(error ? { error } : {}) };
  }

  /** Makes an agent known by name, and one that trusts this operator where it keeps a list. */
  async meet(agent: FakeAgent): Promise<void> {
    await this.run("identity", agent.address);
    const own = await this.run("identity", "--json");
    if (own.status === 0) agent.options.trusted?.add(String(json(own).fingerprint));
  }

  /** An agent that is known here and trusts this operator, who has a key. */
  async known(options: FakeOptions): Promise<FakeAgent> {
    if (!existsSync(path.join(this.home, "operator.key")))
      await this.run("keygen", "--name", "eva");
    const agent = await FakeAgent.open({ trusted: new Set(), ...options });
    await this.meet(agent);
    return agent;
  }

  /** Lets an agent be found by mDNS. */
  announce(agent: FakeAgent): void {
    this.found.push({
      name: agent.name,
      instance: agent.name,
      board: "generic-x86",
      version: "0.1.0",
      site: "three-racks",
      state: "serving",
      port: agent.port,
      fingerprint: agent.fingerprint,
      addresses: ["127.0.0.1"],
      interface: "eth0",
    });
  }
}

/** The one object that a command printed. */
export function json({ stdout }: Run): { readonly fingerprint?: string } {
  return JSON.parse(stdout) as { readonly fingerprint?: string };
}

/** The objects that a command printed, one a line. */
export function jsonLines({ stdout }: Run): readonly Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
