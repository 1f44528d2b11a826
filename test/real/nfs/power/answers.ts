/** What the worker's uploads and blocks of a swap file were answered, and whether the next boot has it. */
export class Answers {
  /** Files that were stored, blocks that were written. */
  stored = 0;
  wrote = 0;
  private readonly uploads = new Set<string>();
  /** By block: how often it was written. */
  private readonly blocks = new Map<string, number>();

  /** Takes the lines of one run. Returns what is broken of what was answered before, in words. */
  run(lines: readonly string[]): readonly string[] {
    const broken: string[] = [];
    const checked = lines.indexOf("CHECK OK");
    const words = lines.map((line) => line.split(" "));
    const found = new Map<string, number>();
    const there = new Set<string>();
    for (const [word, first = "", second = ""] of words.slice(0, checked)) {
      if (word === "upload") there.add(`${first} ${second}`);
      else if (word === "slot") found.set(first, Number(second));
    }
    for (const name of this.uploads) if (!there.has(name)) broken.push(`upload ${name} is gone`);
    for (const [block, times] of this.blocks) {
      const is = found.get(block) ?? 0;
      if (is < times) broken.push(`${block} is of write ${is}, answered was ${times}`);
    }
    for (const [word, first = "", second = ""] of words.slice(checked)) {
      if (word === "stored") {
        this.uploads.add(`${first} ${second}`);
        this.stored += 1;
      } else if (word === "wrote") {
        this.blocks.set(first, Number(second));
        this.wrote += 1;
      }
    }
    return broken;
  }
}
