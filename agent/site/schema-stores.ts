import * as v from "valibot";
import * as leaf from "./leaves.ts";
import { BASE_URL, BUCKET, REGISTRY } from "./leaves-locations.ts";
import { SWITCH } from "./leaves-units.ts";
import { isVariable } from "./secrets.ts";
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

const ENV_CURE = "use letters, digits and underscores: env: REGISTRY_PASSWORD";

/** The words repeat nothing: what is no name may be the credential itself. */
const ENV = leaf.parsed("the name of an environment variable", ENV_CURE, (s) =>
  isVariable(s) ? s : new leaf.Wrong("this is not the name of an environment variable", ENV_CURE),
);

/** Becomes a part of a host name at AWS. */
const REGION = leaf.text(
  (s) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(s),
  "a region",
  "use letters, digits and dashes: region: eu-central-1",
);

const USERNAME_CURE = "write the name alone: the password has a key of its own";

/** RFC 7617 section 2: a colon would end the name, and control characters have no place in a header. */
const USERNAME = leaf.parsed("a user name", USERNAME_CURE, (s) =>
  /^[^:\p{Cc}]+$/u.test(s)
    ? s
    : new leaf.Wrong("this user name has a colon or a control character in it", USERNAME_CURE),
);

const SECRET_MAP = table({ env: opt(ENV), file: opt(leaf.PATH) });

/** Text here is most likely the credential itself, so the message repeats nothing of it. */
export const SECRET: v.GenericSchema<unknown, RawSecret> = v.lazy(
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
