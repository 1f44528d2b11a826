import { accessSync, chownSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { AgentError, type ErrorCode } from "../errors.ts";

/**
 * Makes a folder of the state and those above it, and makes sure that files can be made in it.
 *
 * Throws AgentError `code`, which says who owns the folder and who we are.
 */
export function makeFolder(dir: string, code: ErrorCode): void {
  try {
    makeMissing(dir);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new AgentError(code, `cannot write in ${dir}: ${whyNot(dir, cause)}`, { cause });
  }
}

/**
 * Gives what root made to the owner of the folder that it is in: the agent runs as a user of its own, and has to be able to
 * write what a command typed with sudo made. Does nothing for other users.
 */
export function keepOwner(file: string): void {
  if (process.getuid?.() !== 0) return;
  const folder = statSync(path.dirname(file));
  if (folder.uid !== 0 || folder.gid !== 0) chownSync(file, folder.uid, folder.gid);
}

/** Why a file or folder cannot be used, in words: who owns it, and who we are, where that is the reason. */
export function whyNot(file: string, cause: unknown): string {
  const code = errorCode(cause);
  if (code === "EACCES" || code === "EPERM") {
    const { at, uid } = nearest(file);
    return `${at} belongs to user ${uid}, and this runs as user ${process.getuid?.() ?? "?"}`;
  }
  if (code === "EROFS") return "the disk is mounted read-only";
  if (code === "ENOSPC" || code === "EDQUOT") return "the disk is full";
  return cause instanceof Error ? cause.message : String(cause);
}

/** Makes the names in a folder durable: what was created, renamed or removed there. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The errno name of a system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** Whether an error says that the disk, or the user's part of it, is full. */
export function isFull(error: unknown): boolean {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return true;
  // LMDB gives the errno as a number: ENOSPC is 28 and EDQUOT 122 on Linux.
  const number = error instanceof Error && "code" in error ? error.code : undefined;
  return number === 28 || number === 122;
}

/** Each folder that is not there, from the top. Node's own way of doing this never returns where the kernel says ENOENT below a folder that is there (/proc). */
function makeMissing(dir: string): void {
  if (existsSync(dir)) return;
  const above = path.dirname(dir);
  if (above !== dir) makeMissing(above);
  try {
    mkdirSync(dir);
  } catch (error) {
    // Another process was faster.
    if (errorCode(error) === "EEXIST") return;
    throw error;
  }
  keepOwner(dir);
}

function nearest(file: string): { at: string; uid: number } {
  for (let at = file; ; at = path.dirname(at)) {
    try {
      return { at, uid: statSync(at).uid };
    } catch {
      if (at === path.dirname(at)) return { at, uid: 0 };
    }
  }
}
