import * as v from "valibot";
import { COMPRESSIONS, type Compression } from "../assets/treatment/treatment.ts";
import * as leaf from "./leaves.ts";
import {
  INNER_PATH,
  LOCATION,
  type Location,
  OCI_REFERENCE,
  S3_OBJECT,
  type S3Location,
} from "./leaves-locations.ts";
import { DURATION, SIZE, VERSIONS } from "./leaves-units.ts";
import type { OciReference } from "./oci-reference.ts";
import { PIN_POLICIES, type PinPolicy } from "./site.ts";
import { listOf, table } from "./table.ts";

/** What the site says of the cache. */
export interface RawCache {
  /** Octets. */
  readonly size?: number;
  readonly versions?: number;
  /** Milliseconds; 0: never. */
  readonly refresh?: number;
}

/** Where a digest is published. */
export interface RawChecksums {
  readonly url?: Location;
  readonly entry?: string;
  /** A path, or the key itself. */
  readonly signify?: string;
  readonly minisign?: string;
  readonly signature?: Location;
}

/** One entry of `assets`. */
export interface RawAsset {
  readonly file?: string;
  readonly folder?: string;
  readonly match?: string;
  readonly url?: readonly Location[];
  readonly s3?: S3Location;
  readonly oci?: OciReference;
  readonly title?: string;
  readonly mediaType?: string;
  readonly path?: string;
  readonly platform?: string;
  readonly sha256?: string;
  readonly checksums?: RawChecksums;
  readonly pin?: PinPolicy;
  /** Milliseconds; 0: never. */
  readonly refresh?: number;
  readonly extract?: string;
  readonly decompress?: Compression;
}

const opt = v.exactOptional;

/** More would not be mirrors but a mistake, and each one may be waited for. */
const MAX_MIRRORS = 16;

const MIRRORS = v.pipe(
  listOf(LOCATION, true) as v.GenericSchema<readonly Location[], readonly Location[]>,
  v.check(
    (list) => list.length > 0,
    "this list of mirrors is empty\nwrite one URL, or a list of them",
  ),
  v.check(
    (list) => list.length <= MAX_MIRRORS,
    (i) => `these are ${i.input.length} mirrors\nkeep the ${MAX_MIRRORS} best`,
  ),
) as unknown as v.GenericSchema<unknown, readonly Location[]>;

const MATCH = leaf.text(
  (s) => /^[^/\p{Cc}]{1,255}$/u.test(s),
  "a pattern of file names",
  'write a name in which * and ? stand for what may differ, without "/": "vmlinuz-*"',
);

/** RFC 6838 section 4.2. */
const MEDIA_TYPE = leaf.text(
  (s) => /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/.test(s),
  "a media type",
  "write it as the manifest has it: application/vnd.example.kernel",
);

const PLATFORM = leaf.text(
  (s) => /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/.test(s),
  "a platform",
  "write OS/ARCHITECTURE as an image index has it: linux/arm64",
);

/** Suffixes of the programs' files. */
const BY_SUFFIX: ReadonlyMap<string, Compression> = new Map([
  ["gz", "gzip"],
  ["zst", "zstd"],
  ["bz2", "bzip2"],
]);

const CHECKSUMS = table({
  url: opt(LOCATION),
  entry: opt(leaf.TEXT),
  signify: opt(leaf.PATH),
  minisign: opt(leaf.PATH),
  signature: opt(LOCATION),
});

/** One entry of `assets`. */
export const ASSET: v.GenericSchema<unknown, RawAsset> = table({
  file: opt(leaf.PATH),
  folder: opt(leaf.PATH),
  match: opt(MATCH),
  url: opt(MIRRORS),
  s3: opt(S3_OBJECT),
  oci: opt(OCI_REFERENCE),
  title: opt(leaf.TEXT),
  mediaType: opt(MEDIA_TYPE),
  path: opt(INNER_PATH),
  platform: opt(PLATFORM),
  sha256: opt(leaf.SHA256),
  checksums: opt(CHECKSUMS),
  pin: opt(leaf.oneOf(PIN_POLICIES, "a policy")),
  refresh: opt(DURATION),
  extract: opt(INNER_PATH),
  decompress: opt(leaf.oneOf(COMPRESSIONS, "a compression", BY_SUFFIX)),
}) as unknown as v.GenericSchema<unknown, RawAsset>;

/** The section `cache`. */
export const CACHE: v.GenericSchema<unknown, RawCache> = table({
  size: opt(SIZE),
  versions: opt(VERSIONS),
  refresh: opt(DURATION),
}) as unknown as v.GenericSchema<unknown, RawCache>;
