/** What the installed command (`packaging/pilotlight`) sets in the environment, for agents that are started without it. */
export const LAUNCHER_VARIABLES: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
};

/** What it starts Node with; V8 reads the sizes of its heap before any of our code runs. */
export const LAUNCHER_FLAGS: readonly string[] = [
  "--max-semi-space-size=4",
  "--initial-old-space-size=40",
];

/** What it starts Node with on hosts that have no more than 512 MiB. */
export const SMALL_LAUNCHER_FLAGS: readonly string[] = [
  "--max-semi-space-size=1",
  "--optimize-for-size",
  "--incremental-marking-soft-trigger=40",
  "--incremental-marking-hard-trigger=60",
  "--no-wasm-tier-up",
  "--no-wasm-dynamic-tiering",
];

/** Octets. Below what a host of 1 GiB has left, above what one of 512 MiB has. */
const SMALL_HOST = 600_000 * 1_024;

/** What it starts Node with on a host with so much memory. */
export function launcherFlags(memory: number): readonly string[] {
  return memory < SMALL_HOST ? SMALL_LAUNCHER_FLAGS : LAUNCHER_FLAGS;
}
