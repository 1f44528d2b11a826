import { join } from "node:path";
import { LAUNCHER_FLAGS, LAUNCHER_VARIABLES } from "../../agent/cli/launcher.ts";

/** `pilotlight serve`, as it is installed. `nodeFlags`: what its Node is started with, if not as on a host with ample memory. */
export function agentCommand(
  args: readonly string[],
  nodeFlags: readonly string[] = LAUNCHER_FLAGS,
): readonly string[] {
  const main = join(process.cwd(), "dist/agent/main.js");
  const variables = Object.entries(LAUNCHER_VARIABLES).map(([name, value]) => `${name}=${value}`);
  return ["env", ...variables, process.execPath, ...nodeFlags, main, "serve", ...args];
}
