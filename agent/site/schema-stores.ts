import * as v from "valibot";
import * as leaf from "./leaves.ts";
import { BASE_URL, BUCKET, REGISTRY } from "./leaves-locations.ts";
import { SWITCH } from "./leaves-units.ts";
import { table } from "./table.ts";

/** Where a credential is: one of the two. */
export interface RawSecret {
  readonly env?: string;
  readonly file?: string;
}

/** How a store is reached. One of `url`, `s3` and `oci` says what it covers, and which of the others may stand there. */
export interface RawStore {
  readonly url?: string;
  readonly s3?: string;
  readonly oci?: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly pathStyle?: boolean;
  readonly accessKey?: RawSecret;
  readonly secretKey?: RawSecret;
  readonly plainHttp?: boolean;
  readonly username?: string;
  readonly password?: RawSecret;
  readonly token?: RawSecret;
  readonly ca?: string;
}

const opt = v.exactOptional;

const ENV = leaf.text(
  (s) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(s),
  "the name of an environment variable",
  "use letters, digits and underscores: env: REGISTRY_PASSWORD",
);

/** Becomes a part of a host name at AWS. */
const REGION = leaf.text(
  (s) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(s),
  "a region",
  "use letters, digits and dashes: region: eu-central-1",
);

/** RFC 7617 section 2: a colon would end the name, and control characters have no place in a header. */
const USERNAME = leaf.text(
  (s) => /^[^:\p{Cc}]+$/u.test(s),
  "a user name",
  "write it without colons and control characters",
);

const SECRET_MAP = table({ env: opt(ENV), file: opt(leaf.PATH) });

/** Text here is most likely the credential itself, so the message repeats nothing of it. */
const SECRET = v.lazy(
  (x): v.GenericSchema<unknown, RawSecret> =>
    typeof x === "object" ? SECRET_MAP : (WRITTEN_OUT as v.GenericSchema<unknown, RawSecret>),
);
const WRITTEN_OUT = v.custom<RawSecret>(
  () => false,
  "a credential is written out here, and a site file holds none\nsay where it is: { env: NAME } or { file: PATH }",
);

/** One entry of `stores`. */
export const STORE: v.GenericSchema<unknown, RawStore> = table({
  url: opt(BASE_URL),
  s3: opt(BUCKET),
  oci: opt(REGISTRY),
  endpoint: opt(BASE_URL),
  region: opt(REGION),
  pathStyle: opt(SWITCH),
  accessKey: opt(SECRET),
  secretKey: opt(SECRET),
  plainHttp: opt(SWITCH),
  username: opt(USERNAME),
  password: opt(SECRET),
  token: opt(SECRET),
  ca: opt(leaf.PATH),
}) as unknown as v.GenericSchema<unknown, RawStore>;
