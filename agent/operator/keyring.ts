import { readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { AgentError } from "../errors.ts";
import { generateKey, isEncryptedPem, keyFromPem, type PrivateKey } from "../identity/ed25519.ts";
import { formatPublicKey } from "../identity/public-key-text.ts";
import { whyNot } from "../state/folder.ts";
import { type OperatorHome, readPrivate } from "./home.ts";

const KEY = "operator.key";
const PUBLIC = "operator.pub";
const MAX_PASSPHRASE = 1_024;

/** Asks somebody at a terminal for a passphrase; undefined where there is none. */
export type AskPassphrase = (prompt: string) => Promise<string | undefined>;

/** Where the operator's key is, and how it is opened. */
export interface KeyringInput {
  readonly home: OperatorHome;
  /** `--key FILE`; absent: the one in the home folder. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly ask: AskPassphrase;
}

/** What `keygen` made. */
export interface MadeKey {
  readonly key: PrivateKey;
  readonly file: string;
  readonly publicFile: string;
  /** The line that others add to their list. */
  readonly line: string;
}

/** The operator's key: opened once, when something has to be signed. */
export class Keyring {
  private readonly input: KeyringInput;
  private opening: Promise<PrivateKey> | undefined;

  constructor(input: KeyringInput) {
    this.input = input;
  }

  get file(): string {
    return this.input.file ?? this.input.home.file(KEY);
  }

  /** Rejects with E_KEY: there is none, others may read it, or the passphrase is wrong. */
  key(): Promise<PrivateKey> {
    this.opening ??= this.open();
    return this.opening;
  }

  /** A passphrase for a new key: asked for twice, or that of the file that the environment names. Rejects with E_KEY. */
  async newPassphrase(): Promise<string> {
    const { env, ask } = this.input;
    const given = passphraseFile(env);
    if (given !== undefined) return given;
    const first = await ask("Passphrase for the new key: ");
    if (first === undefined) throw noTerminal("the new key");
    if (first === (await ask("The same again: "))) return first;
    throw new AgentError("E_KEY", "the two passphrases differ", {
      cure: "Type the command again.",
    });
  }

  private async open(): Promise<PrivateKey> {
    const { file } = this;
    const pem = readPrivate(file, true);
    if (pem === undefined) {
      throw new AgentError("E_KEY", `there is no operator's key in ${file}`);
    }
    const passphrase = isEncryptedPem(pem) ? await this.passphrase() : undefined;
    try {
      return keyFromPem(pem, passphrase);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      throw new AgentError("E_KEY", `${file}: ${error.message}`, {
        cause: error,
        ...(passphrase === undefined ? {} : { cure: "Type the command again." }),
      });
    }
  }

  /** The line of the public half beside the key, which needs no passphrase; undefined when there is none. Throws E_KEY. */
  publicLine(): string | undefined {
    return readPrivate(this.file.replace(/(\.key)?$/, ".pub"), false)?.trim();
  }

  private async passphrase(): Promise<string> {
    const { env, ask } = this.input;
    const given = passphraseFile(env) ?? (await ask(`Passphrase of ${this.file}: `));
    if (given !== undefined) return given;
    throw noTerminal(this.file);
  }
}

/**
 * Makes a key in a folder, and the public half beside it.
 *
 * Rejects with E_KEY when there is one already and `force` does not say that it may go, or the folder cannot be written to.
 */
export async function makeKey(input: {
  readonly home: OperatorHome;
  readonly name: string;
  readonly passphrase: string | undefined;
  readonly force: boolean;
}): Promise<MadeKey> {
  const { home, name, passphrase, force } = input;
  const file = home.file(KEY);
  if (!force && statSync(file, { throwIfNoEntry: false })) {
    throw new AgentError("E_KEY", `there is a key in ${file} already`, {
      cure: "Agents trust that one. To make another all the same, and lose it: --force.",
    });
  }
  const key = generateKey();
  const line = formatPublicKey({ key: key.publicKey, name });
  // A public half without its key would be spread and be worth nothing: it goes first and comes last.
  rmSync(home.file(PUBLIC), { force: true });
  await home.write(KEY, key.toPem(passphrase));
  await home.write(PUBLIC, `${line}\n`);
  return { key, file, publicFile: home.file(PUBLIC), line };
}

/** The passphrase in the file that `$PILOTLIGHT_PASSPHRASE_FILE` names, without the end of its line; undefined when none is named. */
export function passphraseFile(env: NodeJS.ProcessEnv): string | undefined {
  const { PILOTLIGHT_PASSPHRASE_FILE: file } = env;
  if (!file) return undefined;
  const text = readPrivate(path.resolve(file), true);
  if (text === undefined) {
    throw new AgentError("E_KEY", `there is no ${file}, which $PILOTLIGHT_PASSPHRASE_FILE names`, {
      cure: "Correct the variable, or take it away to be asked.",
    });
  }
  const passphrase = text.replace(/\r?\n$/, "");
  const fault = passphraseFault(passphrase);
  if (fault !== undefined) throw new AgentError("E_KEY", `the passphrase in ${file} ${fault}`);
  return passphrase;
}

/** Why a text cannot be a passphrase; undefined: it can. */
export function passphraseFault(text: string): string | undefined {
  if (text === "") return "is empty";
  // OpenSSL takes no longer ones.
  return Buffer.byteLength(text) > MAX_PASSPHRASE
    ? `has more than ${MAX_PASSPHRASE} octets`
    : undefined;
}

function noTerminal(what: string): AgentError {
  return new AgentError("E_KEY", `${what} needs a passphrase, and there is no terminal`, {
    cure: "Put the passphrase into a file of mode 600, and name it with $PILOTLIGHT_PASSPHRASE_FILE.",
  });
}

/** The text of a file of public keys, or that of the argument itself where it is no file's name. Throws E_KEY. */
export function publicKeyLines(argument: string): readonly string[] {
  if (argument.startsWith("pilotlight-ed25519 ")) return [argument];
  let text: string;
  try {
    text = readFileSync(argument, "utf8");
  } catch (cause) {
    throw new AgentError("E_KEY", `cannot read ${argument}: ${whyNot(argument, cause)}`, {
      cause,
      cure: 'Give the line of `operator.pub` in quotes ("pilotlight-ed25519 …"), or the name of that file.',
    });
  }
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
