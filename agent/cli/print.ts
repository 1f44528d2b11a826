import type { CommandHost } from "./host.ts";

/** Whoever prints. */
export interface Printing {
  readonly host: Pick<CommandHost, "stdout">;
}

/** One JSON object as one line. */
export function printJson({ host }: Printing, value: unknown): void {
  host.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Lines for people. */
export function print({ host }: Printing, lines: readonly string[]): void {
  if (lines.length > 0) host.stdout.write(`${lines.join("\n")}\n`);
}
