import { hostname, userInfo } from "node:os";
import { AgentError } from "../../errors.ts";
import { shortFingerprint } from "../../identity/fingerprint.ts";
import { operatorNameFault } from "../../identity/public-key-text.ts";
import { OperatorHome } from "../../operator/home.ts";
import { makeKey, passphraseFault } from "../../operator/keyring.ts";
import { print, printJson } from "../print.ts";
import type { SteerContext } from "./context.ts";

export interface KeygenOptions {
  readonly out?: string;
  readonly name?: string;
  readonly passphrase?: true;
  readonly force?: true;
  readonly json?: true;
}

/** `pilotlight keygen`: makes the operator's key. */
export async function keygen(context: SteerContext, options: KeygenOptions): Promise<void> {
  const name = options.name ?? ownName();
  const fault = operatorNameFault(name);
  if (fault !== undefined) {
    throw new AgentError("E_USAGE", `the name of a key: ${fault}`, {
      cure: "Give another one with --name, such as --name eva@laptop.",
    });
  }
  const home = options.out === undefined ? context.home : new OperatorHome(options.out);
  const made = await makeKey({
    home,
    name,
    passphrase: options.passphrase ? await newPassphrase(context) : undefined,
    force: options.force === true,
  });
  const { fingerprint } = made.key.publicKey;
  const { file, publicFile, line } = made;
  if (options.json) {
    printJson(context, { name, fingerprint, file, publicFile, publicKey: line });
    return;
  }
  print(context, [
    `Your key is ${shortFingerprint(fingerprint)}, in ${file}. Keep that file to yourself.`,
    "",
    "What others add to their agents, with `pilotlight trust add AGENT LINE`:",
    line,
  ]);
}

/** "eva@laptop". */
export function ownName(): string {
  let user = "operator";
  try {
    user = userInfo().username;
  } catch {
    // A user without an entry in the password file.
  }
  return `${user}@${hostname()}`.slice(0, 64);
}

async function newPassphrase({ keyring }: SteerContext): Promise<string> {
  const first = await keyring.newPassphrase();
  const fault = passphraseFault(first);
  if (fault === undefined) return first;
  throw new AgentError("E_KEY", `the passphrase ${fault}`, { cure: "Choose another one." });
}
