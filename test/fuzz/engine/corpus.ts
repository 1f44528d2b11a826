import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** An input and the file that holds it. */
export interface CorpusEntry {
  readonly name: string;
  readonly input: Uint8Array;
}

/** Inputs cut from captures of real firmware: minimising keeps them. */
const SEED_PREFIX = "seed-";

/** Name of an input's file: the same octets get the same name everywhere. */
export function inputName(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex").slice(0, 16);
}

/** Whether an entry is octets of a real client. */
export function isSeed(entry: CorpusEntry): boolean {
  return entry.name.startsWith(SEED_PREFIX);
}

/** The corpus of one target: a folder of small files. */
export class Corpus {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** All inputs, the short ones first. */
  load(): CorpusEntry[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder)
      .sort()
      .map((name) => ({ name, input: new Uint8Array(readFileSync(path.join(this.folder, name))) }))
      .sort((a, b) => a.input.length - b.input.length);
  }

  /** Keeps an input; returns its file. */
  add(input: Uint8Array): string {
    mkdirSync(this.folder, { recursive: true });
    const file = path.join(this.folder, inputName(input));
    writeFileSync(file, input);
    return file;
  }

  remove(entry: CorpusEntry): void {
    rmSync(path.join(this.folder, entry.name));
  }
}
