import { StringDecoder } from "node:string_decoder";
import type { ReadStream } from "node:tty";

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const MAX_LENGTH = 1_024;

/**
 * Reads a line at a terminal without showing it. Undefined when there is no terminal, or when somebody breaks off by Ctrl-C.
 *
 * The prompt goes to `output`, so that a result on standard output stays clean.
 */
export function askSecret(
  input: Pick<ReadStream, "isTTY" | "setRawMode" | "on" | "off" | "resume" | "pause">,
  output: { readonly isTTY?: boolean; write(text: string): unknown },
  prompt: string,
): Promise<string | undefined> {
  if (input.isTTY !== true || output.isTTY !== true) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const decoder = new StringDecoder("utf8");
    let text = "";
    const end = (answer: string | undefined): void => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
      resolve(answer);
    };
    const take = (piece: Buffer): void => {
      for (const character of decoder.write(piece)) {
        if (character === "\r" || character === "\n") {
          end(text);
          return;
        }
        if (character === CTRL_C || (character === CTRL_D && text === "")) {
          end(undefined);
          return;
        }
        if (character === "\b" || character === "\x7f") text = [...text].slice(0, -1).join("");
        else if (character >= " " && text.length < MAX_LENGTH) text += character;
      }
    };
    output.write(prompt);
    input.setRawMode(true);
    input.on("data", take);
    input.resume();
  });
}
