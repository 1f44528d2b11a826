import { createInterface } from "node:readline";

/**
 * Asks for a yes on a terminal; anything else is a no, as are Ctrl-C and Ctrl-D. Undefined where there is no terminal.
 *
 * The question goes to `output`, so that a result on standard output stays clean.
 */
export function askYes(
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean },
  output: NodeJS.WritableStream & { readonly isTTY?: boolean },
  question: string,
): Promise<boolean | undefined> {
  if (input.isTTY !== true || output.isTTY !== true) return Promise.resolve(undefined);
  const lines = createInterface({ input, output });
  return new Promise((resolve) => {
    lines.on("SIGINT", () => lines.close());
    lines.on("close", () => {
      // It may be the end of an unfinished line.
      output.write("\n");
      resolve(false);
    });
    lines.question(`${question} [y/N] `, (answer) => {
      resolve(/^y(?:es)?$/i.test(answer.trim()));
      lines.removeAllListeners("close");
      lines.close();
    });
  });
}
