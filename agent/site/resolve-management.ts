import type { Problems } from "./problems.ts";
import { secret } from "./resolve-stores.ts";
import type { RawManagement } from "./schema-management.ts";
import type { Management } from "./site.ts";

/** Stands for no interface at all. */
export const NO_INTERFACE = "none";

/** `dir`: the site's folder. */
export function resolveManagement(
  raw: RawManagement,
  context: { readonly dir: string; readonly problems: Problems },
): Management {
  const { problems } = context;
  const token = secret(raw.token, ["management", "token"], context);
  const excused = problems.isExcused(["management", "read"]);
  const read = raw.read ?? "open";
  if (raw.token !== undefined && read !== "token" && !excused) {
    const message = `the token in management is of no use with read: ${read}`;
    problems.add(["management", "token"], message, "write read: token, or remove the token", "key");
  }
  if (read === "token" && raw.token === undefined && !problems.isExcused(["management", "token"])) {
    const message = "management lets read who knows the token, and names none";
    const cure = "add token: { env: NAME } or token: { file: PATH }";
    problems.addMissing(["management"], "token", message, cure);
  }
  return Object.freeze({
    read,
    ...(raw.interfaces === undefined ? {} : { interfaces: interfaces(raw.interfaces, problems) }),
    ...(token === undefined ? {} : { token }),
  });
}

function interfaces(names: readonly string[], problems: Problems): readonly string[] {
  if (!names.includes(NO_INTERFACE)) return Object.freeze([...new Set(names)]);
  if (names.length > 1) {
    const at = ["management", "interfaces", String(names.indexOf(NO_INTERFACE))];
    const message = `"${NO_INTERFACE}" stands beside interfaces`;
    problems.add(at, message, "keep either the word or the interfaces");
  }
  return Object.freeze([]);
}
