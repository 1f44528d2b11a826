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

/** Keys of a store whose values may be shown. */
const PLAIN_KEYS: ReadonlySet<string> = new Set(
  "url s3 oci endpoint region pathStyle plainHttp username ca env file".split(" "),
);

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

/** Whether a value must not be shown when its line is: by its text, or by the key of a store that it stands at. */
export function isSecret(path: readonly string[], text: string | undefined): boolean {
  const inStore = path[0] === "stores" && path.length > 2;
  if (inStore && !PLAIN_KEYS.has(path.at(-1) ?? "")) return true;
  return text !== undefined && (USERINFO_WITHIN.test(text) || SIGNATURE.test(text));
}
