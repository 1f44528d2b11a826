import { join } from "node:path";

/** What the installed command (`packaging/pilotlight`) sets. */
const LAUNCHER: readonly string[] = [
  "MALLOC_ARENA_MAX=2",
  "MALLOC_MMAP_THRESHOLD_=131072",
  "MALLOC_TRIM_THRESHOLD_=131072",
];

/** `pilotlight serve`, as it is installed. `nodeFlags`: what its Node is started with. */
export function agentCommand(
  args: readonly string[],
  nodeFlags: readonly string[] = [],
): readonly string[] {
  const main = join(process.cwd(), "dist/agent/main.js");
  return ["env", ...LAUNCHER, process.execPath, ...nodeFlags, main, "serve", ...args];
}
