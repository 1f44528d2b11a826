import { createHash } from "node:crypto";
import { CborMismatch, CborReader } from "../cose/cbor-reader.ts";
import { BUNDLE } from "../cose/purposes.ts";
import { type OpenedSign1, openSign1 } from "../cose/sign1.ts";
import { AgentError } from "../errors.ts";
import { publicKeyFromOctets } from "../identity/ed25519.ts";
import { FINGERPRINT_LEN } from "../identity/fingerprint.ts";
import type { Bundle, OpenedBundle, Targets } from "./bundle.ts";
import {
  bundleFault,
  MAX_BUNDLE,
  MAX_FILE,
  MAX_FILES,
  MAX_INSTANCE_NAME,
  MAX_PATH,
  MAX_SITE_NAME,
  MAX_TARGETS,
  shown,
} from "./bundle-rules.ts";

/** Fields of a bundle, and the octets of the longest one's name. */
const MAX_FIELDS = 10;
const MAX_FIELD_NAME = 16;
const KEY_LEN = 32;

/**
 * Opens a signed bundle: looks at its form, and checks that the key which it carries has signed it. Whether anybody trusts that
 * key is for `judgeBundle` to say. The files are windows on a copy of `octets`.
 *
 * @throws AgentError E_BUNDLE for everything else, another version of bundles too
 */
export function openBundle(octets: Uint8Array): OpenedBundle {
  if (octets.length > MAX_BUNDLE) throw notOne(`it is larger than ${MAX_BUNDLE} octets`);
  const own = Uint8Array.from(octets);
  try {
    const message = openSign1(own, BUNDLE);
    const { bundle, signer } = readPayload(message.payload);
    checkSignature(message, signer);
    const fault = bundleFault(bundle);
    if (fault !== undefined) throw notOne(fault);
    const digest = createHash("sha256").update(own).digest("hex");
    return { bundle, signer: message.signer, octets: own, digest };
  } catch (cause) {
    if (cause instanceof CborMismatch) throw notOne(cause.message, cause);
    if (cause instanceof AgentError && cause.code !== "E_BUNDLE") {
      throw notOne(cause.message, cause);
    }
    throw cause;
  }
}

function checkSignature(message: OpenedSign1, signer: Uint8Array): void {
  const key = publicKeyFromOctets(signer);
  if (key.fingerprint !== message.signer) {
    throw notOne("it names another key than the one that it carries");
  }
  if (message.verify(key)) return;
  throw notOne("its signature does not match: it was changed after it had been signed");
}

/** What a payload must have; the rest of it need not be there. */
type Fields = { -readonly [F in keyof Bundle]?: Bundle[F] } & { signer?: Uint8Array };

/** A field that is not known is refused: it may say whom the bundle is not for. */
function readPayload(payload: Uint8Array): { bundle: Bundle; signer: Uint8Array } {
  const reader = new CborReader(payload);
  const fields: Fields = {};
  reader.fields(MAX_FIELDS, MAX_FIELD_NAME, (name) => {
    readField(reader, name, fields);
  });
  reader.end();
  const { version, site, serial, targets, made, main, files, signer } = fields;
  if (
    version === undefined ||
    site === undefined ||
    serial === undefined ||
    targets === undefined ||
    made === undefined ||
    main === undefined ||
    files === undefined ||
    signer?.length !== KEY_LEN
  ) {
    throw new CborMismatch("a field of it is missing");
  }
  const { notBefore, expires } = fields;
  const times = {
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(expires === undefined ? {} : { expires }),
  };
  return { bundle: { version, site, serial, targets, ...times, made, main, files }, signer };
}

function readField(reader: CborReader, name: string, into: Fields): void {
  switch (name) {
    case "version":
      into.version = versionOf(reader.uint());
      return;
    case "serial":
    case "made":
    case "notBefore":
    case "expires":
      into[name] = reader.uint();
      return;
    case "site":
      into.site = reader.text(MAX_SITE_NAME);
      return;
    case "main":
      into.main = reader.text(MAX_PATH);
      return;
    case "targets":
      into.targets = readTargets(reader);
      return;
    case "files":
      into.files = readFiles(reader);
      return;
    case "signer":
      into.signer = reader.bytes(KEY_LEN);
      return;
    default:
      throw new CborMismatch(`it has a field ${shown(name)}`);
  }
}

function versionOf(version: number): 1 {
  if (version !== 1) throw new CborMismatch(`it is of version ${version}, and 1 is known here`);
  return version;
}

function readTargets(reader: CborReader): Targets {
  const targets: { -readonly [T in keyof Targets]: Targets[T] } = {};
  reader.fields(3, MAX_FIELD_NAME, (name) => {
    if (name === "any") targets.any = reader.bool();
    else if (name === "agents") targets.agents = readTexts(reader, FINGERPRINT_LEN);
    else if (name === "names") targets.names = readTexts(reader, MAX_INSTANCE_NAME);
    else throw new CborMismatch(`its targets have a field ${shown(name)}`);
  });
  return targets;
}

function readTexts(reader: CborReader, maxLen: number): readonly string[] {
  const texts: string[] = [];
  for (let left = reader.array(MAX_TARGETS); left > 0; left--) texts.push(reader.text(maxLen));
  return texts;
}

function readFiles(reader: CborReader): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  reader.fields(MAX_FILES, MAX_PATH, (path) => {
    files.set(path, reader.bytes(MAX_FILE));
  });
  return files;
}

function notOne(why: string, cause?: unknown): AgentError {
  return new AgentError("E_BUNDLE", `this is no bundle: ${why}`, { cause });
}
