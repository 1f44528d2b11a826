import { randomBytes } from "node:crypto";
import { open, rename, unlink } from "node:fs/promises";
import path from "node:path";
import { keepOwner, syncFolder } from "./folder.ts";

/** Drafts that a power cut left behind are known by this. */
const DRAFT = ".draft-";

/**
 * Writes a whole small file so that either the old or the new one is there at any time, and resolves when the new one survives a
 * power cut. `mode` is exact, whatever the umask. Rejects with what the system says; then the old one is there.
 */
export async function replaceFile(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const draft = draftOf(file);
  try {
    await writeSynced(draft, content, mode);
    keepOwner(draft);
    await rename(draft, file);
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Writes a file that is not there yet, and resolves when its content is on the disk; its name is not yet. Links are not followed. */
export async function writeSynced(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  // Nobody else may open it before its mode is what it should be.
  const handle = await open(file, "wx", mode & 0o600);
  try {
    await handle.writeFile(content);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name for a file that is to become `file`, in the same folder. */
export function draftOf(file: string): string {
  return `${file}${DRAFT}${randomBytes(6).toString("hex")}`;
}

/** Whether a name in a folder is of such a file, which may be removed when nobody writes just now. */
export function isDraft(name: string): boolean {
  return name.includes(DRAFT);
}
