import { AgentError } from "../../errors.ts";
import type { SecretRef, StoreAccess } from "../../site/site.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/**
 * The text of a credential: a variable, or the first line of a file.
 *
 * Read anew each time, since files are replaced while the agent runs: use it and let go of it. A file that others may read is
 * warned about. Rejects with E_SECRET, which names the variable or the file and never what is in it.
 */
export async function readSecret(ref: SecretRef, env: StoreEnvironment): Promise<string> {
  if (ref.kind === "env") {
    const value = firstLine(env.variables[ref.variable] ?? "");
    if (value === "") {
      throw new AgentError("E_SECRET", `the variable ${ref.variable} is not set`, {
        cure: `Set ${ref.variable} in the agent's environment (with systemd: EnvironmentFile=).`,
      });
    }
    return value;
  }
  const { text, mode } = await env.readSecretFile(ref.file).catch((cause: unknown) => {
    throw new AgentError("E_SECRET", `the file ${ref.file} cannot be read`, { cause });
  });
  if ((mode & 0o004) !== 0) {
    env.warn(`everybody on this host may read the credential in ${ref.file}: chmod o-rwx it`);
  }
  const value = firstLine(text);
  if (value === "") {
    throw new AgentError("E_SECRET", `the first line of the file ${ref.file} is empty`);
  }
  return value;
}

function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text)?.[0] ?? "";
}

/** The header Authorization that a store is to be sent; undefined: none. Rejects with E_SECRET. */
export async function authorization(
  access: StoreAccess,
  env: StoreEnvironment,
): Promise<string | undefined> {
  if (access.token !== undefined) return `Bearer ${await readSecret(access.token, env)}`;
  if (access.username === undefined) return undefined;
  const password = access.password === undefined ? "" : await readSecret(access.password, env);
  return `Basic ${Buffer.from(`${access.username}:${password}`, "utf8").toString("base64")}`;
}
