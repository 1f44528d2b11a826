import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFailed } from "vitest";
import { decodeToText } from "./pcap-text.ts";
import { PcapWriter } from "./pcap-writer.ts";

/** Where tests leave what helps to find out why they failed; `make clean` takes it away. */
const OUTPUT: string = fileURLToPath(new URL("../../test-output", import.meta.url));
/** A wire's time 0 for people, as in the journal of the virtual agent. */
const EPOCH_MS: number = Date.UTC(2026, 0, 2, 3, 4, 5);
/** A boot fits many times; a storm does not fill the disk. */
const MAX_OCTETS: number = 64 * 1024 * 1024;

/** Records what a virtual wire carries: give its `tap` to the wire. */
export class WireRecorder {
  /** Frames that came after the limit was reached. */
  leftOut = 0;
  private readonly writer: PcapWriter = new PcapWriter();
  private readonly limit: number;

  constructor(limit: number = MAX_OCTETS) {
    this.limit = limit;
  }

  get count(): number {
    return this.writer.count;
  }

  readonly tap = (frame: Uint8Array, nowMs: number): void => {
    if (this.writer.length + frame.length > this.limit) this.leftOut += 1;
    else this.writer.add(frame, EPOCH_MS + nowMs);
  };

  /** Writes NAME.pcap and what it decodes to, NAME.txt, and returns the path of the former. */
  async keep(folder: string, name: string): Promise<string> {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${name}.pcap`);
    this.writer.save(file);
    const { text } = await decodeToText(file);
    const note = this.leftOut === 0 ? "" : `${this.leftOut} frames after these were not kept\n`;
    writeFileSync(join(folder, `${name}.txt`), text + note);
    return file;
  }
}

/** A recorder whose frames stay in test-output/ when the running test fails, under the test's name. */
export function recordForFailure(): WireRecorder {
  const recorder = new WireRecorder();
  const name = fileName(expect.getState().currentTestName ?? "test");
  onTestFailed(async () => {
    const file = await recorder.keep(OUTPUT, name);
    process.stderr.write(`what the wire carried: ${file}, and as text beside it\n`);
  });
  return recorder;
}

/** "a Sun > boots: PROM, then BOOTP" becomes "a-sun-boots-prom-then-bootp". */
export function fileName(testName: string): string {
  return testName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
