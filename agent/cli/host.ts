/** What a command may know of its process; only main.ts reads argv and the environment. */
export interface CommandHost {
  readonly env: NodeJS.ProcessEnv;
  /** The file that Node runs: main.js. */
  readonly entry: string;
  readonly pid: number;
  readonly isRoot: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Calls `fn` once, at the first SIGINT or SIGTERM; a second one ends the process at once. */
  onStopSignal(fn: () => void): void;
  /** Calls `fn` at each SIGHUP. */
  onReloadSignal(fn: () => void): void;
  /** What the process ends with when nothing keeps it alive. */
  setExitStatus(status: number): void;
  /** Ends the process once what was written is out, whatever it still has open: a frame lane keeps it alive. */
  exit(status: number): void;
}
