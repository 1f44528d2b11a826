import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../../errors.ts";
import { print, printJson } from "../print.ts";
import { count } from "../words.ts";
import type { SteerOptions } from "./context.ts";
import { fetchSite } from "./running-site.ts";
import type { Steering } from "./steering.ts";

const MODE = 0o640;

export interface PullOptions extends SteerOptions {
  readonly serial?: number;
  readonly out?: string;
}

/** `pilotlight pull`: the files of the site that an agent runs, into a folder. What is there and differs is not touched. */
export async function pull(
  steering: Steering,
  asked: string | undefined,
  options: PullOptions,
): Promise<void> {
  const agent = await steering.connect(asked);
  try {
    const { site, serial, main, files } = await fetchSite(agent, options.serial);
    const dir = path.resolve(options.out ?? safeName(site));
    const there = await inTheWay(dir, files);
    const written: string[] = [];
    for (const [name, content] of files) {
      if (there.has(name)) continue;
      await writeNew(path.join(dir, name), content);
      written.push(name);
    }
    const file = path.join(dir, main);
    if (options.json) {
      printJson(steering, { agent: agent.name, site, serial, file, written });
      return;
    }
    const same = there.size > 0 ? `; ${there.size} there already` : "";
    const what = serial === 0 ? "its local file" : `serial ${serial}`;
    print(steering, [
      `${agent.name}: ${site}, ${what}: ${count(written.length, "file")} written${same}`,
      file,
    ]);
  } finally {
    agent.close();
  }
}

/** Names of the files that are there already as they are. Rejects with E_USAGE when some are there with another content. */
async function inTheWay(
  dir: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<ReadonlySet<string>> {
  const same = new Set<string>();
  const other: string[] = [];
  for (const [name, content] of files) {
    let before: Buffer;
    try {
      before = await readFile(path.join(dir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw cannot(path.join(dir, name), error);
    }
    if (before.equals(content)) same.add(name);
    else other.push(name);
  }
  if (other.length === 0) return same;
  throw new AgentError("E_USAGE", `in ${dir} these would be overwritten: ${other.join(", ")}`, {
    cure: "Nothing was written. Name another folder with --out, or move them away.",
  });
}

async function writeNew(file: string, content: Uint8Array): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content, { flag: "wx", mode: MODE });
  } catch (error) {
    throw cannot(file, error);
  }
}

function cannot(file: string, cause: unknown): AgentError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new AgentError("E_USAGE", `${file} cannot be written: ${why}`, {
    cause,
    cure: "Name a folder with --out that you may write to.",
  });
}

/** The name of a site as one of a folder. */
function safeName(site: string): string {
  return site.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "") || "site";
}
