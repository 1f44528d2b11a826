import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { errorCode, isFull, keepOwner, makeFolder, syncFolder, whyNot } from "../state/folder.ts";
import { draftOf, isDraft, writeSynced } from "../state/replace-file.ts";
import type { OpenedBundle } from "./bundle.ts";

const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

/**
 * Writes the files of a bundle into `folder`, and resolves with the path of its site file when they survive a power cut.
 *
 * The folder appears as a whole or not at all. One that is there already stays if it holds just these files; if not, it gives way,
 * and a power cut in between leaves none. Links are not followed, neither in what is there nor in what is written. Rejects with
 * E_STATE when the disk does not take it.
 */
export async function unpackBundle(opened: OpenedBundle, folder: string): Promise<string> {
  const { files, main } = opened.bundle;
  const site = path.join(folder, main);
  makeFolder(path.dirname(folder), "E_STATE");
  const draft = draftOf(folder);
  try {
    if (await holdsJust(folder, files)) return site;
    await writeAll(draft, files);
    const old = draftOf(folder);
    if (await exists(folder)) await rename(folder, old);
    await rename(draft, folder);
    await syncFolder(path.dirname(folder));
    await rm(old, { recursive: true, force: true });
  } catch (cause) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    throw new AgentError("E_STATE", `cannot unpack into ${folder}: ${whyNot(folder, cause)}`, {
      cause,
      ...(isFull(cause) ? { cure: "Free space on the disk that holds the state folder." } : {}),
    });
  }
  return site;
}

/** Removes what a power cut left in the folder of the unpacked bundles; to be called while nothing is unpacked. */
export async function removeUnfinished(parent: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(parent);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  for (const name of names) {
    if (isDraft(name)) await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

async function writeAll(dir: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await makeEmpty(dir);
  const made = new Set([dir]);
  for (const [name, octets] of files) {
    const file = path.join(dir, name);
    await makeAbove(file, made);
    await writeSynced(file, octets, FILE_MODE);
    keepOwner(file);
  }
  for (const folder of made) await syncFolder(folder);
}

/** The folders of a file that are not there yet. */
async function makeAbove(file: string, made: Set<string>): Promise<void> {
  const folder = path.dirname(file);
  if (made.has(folder)) return;
  await makeAbove(folder, made);
  await makeEmpty(folder);
  made.add(folder);
}

async function makeEmpty(folder: string): Promise<void> {
  await mkdir(folder);
  // Whatever the umask.
  await chmod(folder, FOLDER_MODE);
  keepOwner(folder);
}

/** Whether a folder has exactly these files, each a regular one with these octets. */
async function holdsJust(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  const there = await filesBelow(folder);
  if (there === undefined || there.length !== files.size) return false;
  for (const name of there) {
    const octets = files.get(name);
    if (octets === undefined || !(await hasOctets(path.join(folder, name), octets))) return false;
  }
  return true;
}

/** Relative paths; undefined when the folder is none, or has something else in it than folders and regular files. */
async function filesBelow(folder: string): Promise<readonly string[] | undefined> {
  if (!(await isFolder(folder))) return undefined;
  const files: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile()) files.push(entry.name);
    else if (entry.isDirectory()) {
      const below = await filesBelow(path.join(folder, entry.name));
      if (below === undefined) return undefined;
      files.push(...below.map((name) => `${entry.name}/${name}`));
    } else return undefined;
  }
  return files;
}

async function hasOctets(file: string, octets: Uint8Array): Promise<boolean> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if ((await handle.stat()).size !== octets.length) return false;
    return Buffer.compare(await handle.readFile(), octets) === 0;
  } finally {
    await handle.close();
  }
}

async function isFolder(at: string): Promise<boolean> {
  return (await lstat(at).catch(() => undefined))?.isDirectory() ?? false;
}

async function exists(at: string): Promise<boolean> {
  return (await lstat(at).catch(() => undefined)) !== undefined;
}
