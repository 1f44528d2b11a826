import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { replaceFile } from "../state/replace-file.ts";

const MODE = 0o600;
/** Sites that are remembered; the one published longest ago goes. */
const MOST = 100;

/** What a site was published as. */
export interface PublishedAs {
  /** SHA-256 of the content, hex. */
  readonly content: string;
  readonly serial: number;
  /** Seconds since 1970. */
  readonly made: number;
}

/** What sites were published as last, so that the same content is the same bundle after a restart. */
export interface PublishedSerials {
  /** `key`: the site and for whom it is. */
  last(key: string): PublishedAs | undefined;
  /** Rejects with E_STATE. */
  remember(key: string, as: PublishedAs): Promise<void>;
}

/**
 * Opens the file, which need not be there. It is only a memory: one that is damaged is as good as none, and then agents take what
 * they have once more.
 */
export async function openPublishedSerials(file: string): Promise<PublishedSerials> {
  const all = new Map<string, PublishedAs>();
  for (const [key, as] of Object.entries(await readAll(file))) {
    if (isPublishedAs(as)) all.set(key, as);
  }
  return {
    last: (key) => all.get(key),
    async remember(key, as) {
      all.delete(key);
      all.set(key, as);
      for (const oldest of all.keys()) {
        if (all.size <= MOST) break;
        all.delete(oldest);
      }
      try {
        await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
        await replaceFile(file, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`, MODE);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new AgentError("E_STATE", `${file} cannot be written: ${why}`, {
          cause,
          cure: "Make room on the disk, and let yourself write there.",
        });
      }
    },
  };
}

async function readAll(file: string): Promise<object> {
  try {
    const data: unknown = JSON.parse(await readFile(file, "utf8"));
    return typeof data === "object" && data !== null ? data : {};
  } catch {
    return {};
  }
}

function isPublishedAs(as: unknown): as is PublishedAs {
  const { content, serial, made } = (as ?? {}) as Partial<Record<keyof PublishedAs, unknown>>;
  return typeof content === "string" && Number.isSafeInteger(serial) && Number.isSafeInteger(made);
}
