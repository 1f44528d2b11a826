import { Wrong } from "./leaves.ts";

/*
 * Credentials do not belong in a site file: it is copied, pushed, kept under version control and shown in
 * errors. What looks like one is refused, and hidden where the line is shown.
 */

/** `user:password@` of a URL, or at the beginning of an OCI reference, where `@sha256:` is a digest. */
const USERINFO = /^(?:[a-z][a-z0-9+.-]*:\/*)?[^/?#]*@(?!sha\d+:)/i;
const USERINFO_WITHIN = /:\/\/[^/?#\s]*@/;

/** Parameters by which a URL is its own credential: of S3, Google, CloudFront, Azure, and what others call theirs. */
const SIGNATURE =
  /[?&](?:x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig|access_token|token|api_?key|password)=/i;

/** The secret keys of signify and minisign; their public keys have 56 characters. */
const SECRET_KEY = /RW[A-Za-z0-9+/]{70,}/;

/** Keys of a store whose values may be shown. */
const PLAIN_KEYS: ReadonlySet<string> = new Set(
  "url s3 oci endpoint region pathStyle plainHttp username ca env file".split(" "),
);

/** Keys whose values are addresses. */
const ADDRESS_KEYS: ReadonlySet<string> = new Set(["url", "s3", "oci", "endpoint", "signature"]);

/** Refuses a URL or reference that carries a credential; the words repeat nothing of it. */
export function refuseCredentials(text: string): Wrong | undefined {
  if (USERINFO.test(text)) {
    return new Wrong(
      "there are credentials in this address, and a site file holds none",
      "take them out; in a store for this address write username and password: { env: NAME } or { file: PATH }",
    );
  }
  if (!SIGNATURE.test(text)) return undefined;
  return new Wrong(
    "this URL has a credential among its parameters, and a site file holds none",
    "name the object itself (s3://BUCKET/KEY), and its keys in a store: { env: NAME } or { file: PATH }",
  );
}

/** Whether a value must not be shown when its line is: by its text, or by the key that it stands at. */
export function isSecret(path: readonly string[], text: string | undefined): boolean {
  const [section, , ...keys] = path;
  if (section === "stores" && keys.length > 0 && !PLAIN_KEYS.has(keys.at(-1) ?? "")) return true;
  const token = section === "management" && path[1] === "token";
  if (token && !PLAIN_KEYS.has(path.at(-1) ?? "")) return true;
  if (text === undefined) return false;
  if ((section === "stores" || token) && keys.at(-1) === "env" && !isVariable(text)) return true;
  if (section === "stores" && keys.at(-1) === "username" && text.includes(":")) return true;
  return (
    SECRET_KEY.test(text) ||
    USERINFO_WITHIN.test(text) ||
    SIGNATURE.test(text) ||
    (keys.some((key) => ADDRESS_KEYS.has(key)) && USERINFO.test(text))
  );
}

/** Whether a line is of a secret key's file. */
export function isSecretKeyLine(line: string): boolean {
  return SECRET_KEY.test(line) || /^untrusted comment:.*secret key/.test(line);
}

/** Whether this can be the name of a variable of the environment. */
export function isVariable(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}

/** Whether a key must not be shown: for want of a space after its colon it has the value in it. */
export function isSecretKey(parent: readonly string[], key: string): boolean {
  if (!key.includes(":")) return false;
  if (parent[0] === "management") return key.startsWith("token") || parent[1] === "token";
  return parent[0] === "stores" || USERINFO_WITHIN.test(key) || SIGNATURE.test(key);
}
