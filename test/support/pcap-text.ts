import { createReadStream } from "node:fs";
import { captureFrames } from "../../agent/capture/capture-reader.ts";
import { Dissector } from "../../agent/capture/dissector.ts";
import type { DecodedMessage } from "../../agent/capture/message.ts";
import { messageText } from "../../agent/capture/message-text.ts";

/** A capture as `pilotlight decode` shows it. */
export interface DecodedCapture {
  /** Exactly what `pilotlight decode FILE` prints. */
  readonly text: string;
  readonly frames: number;
  readonly messages: readonly DecodedMessage[];
}

export async function decodeToText(file: string): Promise<DecodedCapture> {
  const messages: DecodedMessage[] = [];
  let text = "";
  let frames = 0;
  const take = (message: DecodedMessage): void => {
    messages.push(message);
    text += messageText(message);
  };
  const dissector = new Dissector(take, { octets: false });
  for await (const frame of captureFrames(createReadStream(file))) {
    frames = frame.number;
    dissector.frame(frame);
  }
  dissector.end();
  return { text, frames, messages };
}

/** Frames shown in full when texts differ. */
const SHOWN = 3;
/** A line that begins a message: the frame's number, right-aligned in six columns; a message's other lines are indented. */
const MESSAGE = /^(?= {0,5}\d+ {2}\S)/m;

/** Where two texts of one capture differ, frame by frame; undefined when they do not. */
export function textDifference(expected: string, actual: string): string | undefined {
  if (expected === actual) return undefined;
  const before = byFrame(expected);
  const after = byFrame(actual);
  const numbers = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b);
  const differing = numbers.filter((n) => before.get(n) !== after.get(n));
  const shown = differing
    .slice(0, SHOWN)
    .map((n) => `frame ${n}:\n${mark("-", before.get(n))}${mark("+", after.get(n))}`);
  const more = differing.length > SHOWN ? `and ${differing.length - SHOWN} more frames\n` : "";
  return shown.join("") + more;
}

function byFrame(text: string): Map<number, string> {
  const frames = new Map<number, string>();
  for (const message of text.split(MESSAGE)) {
    const number = Number.parseInt(message, 10);
    frames.set(number, (frames.get(number) ?? "") + message);
  }
  return frames;
}

function mark(sign: string, text: string | undefined): string {
  if (text === undefined) return `${sign} (nothing)\n`;
  return text.replace(/^(?=.)/gm, `${sign} `);
}
