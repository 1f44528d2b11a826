import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../../errors.ts";
import { errorCode, whyNot } from "../../state/folder.ts";
import { replaceFile } from "../../state/replace-file.ts";
import { SIPHASH_KEY_LEN } from "./siphash.ts";

const FILE = "nfs-handles.key";

/**
 * The key of the file handles, made when the state folder has none. It is on the disk before a handle is given out.
 *
 * One of a wrong length is replaced: machines that run from their root then find their handles stale, and boot anew. It is a file
 * of its own, since a database that was damaged is begun anew. Rejects with E_STATE when the folder cannot be used.
 */
export async function openHandleKey(stateDir: string): Promise<Uint8Array> {
  const file = path.join(stateDir, FILE);
  try {
    const known = await readKey(file);
    if (known) return known;
    const key = randomHandleKey();
    await replaceFile(file, key, 0o600);
    return key;
  } catch (cause) {
    const message = `cannot keep the key of the file handles in ${file}: ${whyNot(stateDir, cause)}`;
    throw new AgentError("E_STATE", message, { cause });
  }
}

/** A key for as long as this process runs. */
export function randomHandleKey(): Uint8Array {
  return new Uint8Array(randomBytes(SIPHASH_KEY_LEN));
}

async function readKey(file: string): Promise<Uint8Array | undefined> {
  try {
    const octets = await readFile(file);
    return octets.length === SIPHASH_KEY_LEN ? new Uint8Array(octets) : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
