import { spawn } from "node:child_process";

/** How a short command ended. `missing`: there is no such program. */
export interface RunResult {
  readonly ok: boolean;
  readonly missing: boolean;
  readonly complaint: string;
}

const MAX_COMPLAINT = 2_000;

/** Runs a short command to its end, with `input` on its standard input. Never throws: the result says what happened. */
export function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = "",
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], { env, stdio: ["pipe", "ignore", "pipe"] });
    let complaint = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      complaint = (complaint + text).slice(0, MAX_COMPLAINT);
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      resolve({ ok: false, missing: error.code === "ENOENT", complaint: error.message });
    });
    child.on("close", (status) => {
      resolve({ ok: status === 0, missing: false, complaint: complaint.trim() });
    });
    child.stdin.on("error", () => {}); // it ended without reading: its status says why
    child.stdin.end(input);
  });
}

/** The environment with the folders of administrators' programs in PATH: users often lack them. */
export function withSystemPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH = "/usr/bin:/bin" } = env;
  const have = PATH.split(":");
  const more = ["/usr/sbin", "/sbin"].filter((folder) => !have.includes(folder));
  return { ...env, PATH: [...have, ...more].join(":") };
}
