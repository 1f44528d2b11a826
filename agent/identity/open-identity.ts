import { chmod, link, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { errorCode, keepOwner, makeFolder, syncFolder, whyNot } from "../state/folder.ts";
import { draftOf, isDraft, replaceFile, writeSynced } from "../state/replace-file.ts";
import { type Certificate, certificateKey, makeCertificate } from "./certificate.ts";
import { generateKey, keyFromPem, type PrivateKey } from "./ed25519.ts";
import type { Identity } from "./identity.ts";

/** The folder below the state folder. */
const FOLDER = "identity";
const KEY = "key.pem";
const CERTIFICATE = "certificate.pem";
/** A key that cannot be read is kept under this name. */
const DAMAGED = `${KEY}.damaged`;

/**
 * The agent's identity, made when the state folder has none. The key is on the disk before anybody hears of it.
 *
 * Rejects with E_STATE: the folder cannot be used, or the key is damaged. A damaged key is put aside and never replaced by itself,
 * since whoever pinned the agent would then meet a stranger: all further starts are refused until somebody puts a backup back
 * or removes what was put aside.
 */
export async function openIdentity(
  stateDir: string,
  make: (key: PrivateKey) => Promise<Certificate> = makeCertificate,
): Promise<Identity> {
  const dir = path.join(stateDir, FOLDER);
  makeFolder(dir, "E_STATE");
  try {
    await chmod(dir, 0o700);
    await syncFolder(stateDir);
    await removeDrafts(dir);
    const key = (await readKey(dir)) ?? (await makeKey(dir));
    const certificate = await readOrMakeCertificate(dir, key, make);
    return { key, certificate, privateKey: key.toPem() };
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("E_STATE", `cannot keep the identity in ${dir}: ${whyNot(dir, cause)}`, {
      cause,
    });
  }
}

/** What a power cut left: a draft of a key was never used. */
async function removeDrafts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (isDraft(name)) await unlink(path.join(dir, name));
  }
}

/** Undefined when there never was one. */
async function readKey(dir: string): Promise<PrivateKey | undefined> {
  const file = path.join(dir, KEY);
  let pem: string;
  try {
    if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
    pem = await readFile(file, "latin1");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    const aside = (await readdir(dir)).find((name) => name.startsWith(DAMAGED));
    if (aside === undefined) return undefined;
    throw lost(dir, aside, "the agent's key was damaged", undefined);
  }
  try {
    return keyFromPem(pem);
  } catch (cause) {
    const aside = await putAside(dir);
    throw lost(dir, aside, `the agent's key ${file} is damaged`, cause);
  }
}

/** By a link, which never takes the place of another key. */
async function makeKey(dir: string): Promise<PrivateKey> {
  const key = generateKey();
  const file = path.join(dir, KEY);
  const draft = draftOf(file);
  await writeSynced(draft, key.toPem(), 0o600);
  try {
    keepOwner(draft);
    await link(draft, file);
  } finally {
    await unlink(draft);
  }
  await syncFolder(dir);
  return key;
}

/** One that is missing, damaged or of another key is made anew: it has nothing of its own. */
async function readOrMakeCertificate(
  dir: string,
  key: PrivateKey,
  make: (key: PrivateKey) => Promise<Certificate>,
): Promise<string> {
  const file = path.join(dir, CERTIFICATE);
  try {
    const pem = await readFile(file, "latin1");
    if (certificateKey(pem)?.fingerprint === key.publicKey.fingerprint) return pem;
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  const { certificate } = await make(key);
  await replaceFile(file, certificate, 0o644);
  return certificate;
}

async function putAside(dir: string): Promise<string> {
  const names = await readdir(dir);
  let aside = DAMAGED;
  for (let n = 2; names.includes(aside); n++) aside = `${DAMAGED}-${n}`;
  await rename(path.join(dir, KEY), path.join(dir, aside));
  await syncFolder(dir);
  return aside;
}

function lost(dir: string, aside: string, what: string, cause: unknown): AgentError {
  const file = path.join(dir, aside);
  return new AgentError("E_STATE", `${what}, and is kept as ${file}`, {
    cause,
    cure: `Put a backup of it at ${path.join(dir, KEY)}. Without one remove ${file}: the agent then makes a new identity, and operators say \`pilotlight trust forget AGENT\`.`,
  });
}
