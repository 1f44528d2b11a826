import { HEAD, table } from "./problem-table.ts";

const DIGEST = "9f".repeat(32);

/** One asset on line 4. */
const asset = (text: string): string => `${HEAD}assets:\n  a: { ${text} }\n`;

table("treatment and policy", [
  [
    "extract with a step up",
    asset("file: a, extract: ../a"),
    '4:26 "../a" is not a path within an archive / write it without a leading "/", "..", "." or a backslash, as in boot/vmlinuz',
  ],
  [
    "extract with a backslash",
    asset("file: a, extract: 'a\\b'"),
    '4:26 "a\\\\b" is not a path within an archive / write it without a leading "/", "..", "." or a backslash, as in boot/vmlinuz',
  ],
  [
    "a suffix for a compression",
    asset("file: a, decompress: gz"),
    '4:29 "gz" is not a compression / did you mean "gzip"?',
  ],
  [
    "an unknown compression",
    asset("file: a, decompress: lz4"),
    '4:29 "lz4" is not a compression / known here: gzip, xz, zstd, bzip2',
  ],
  [
    "pin beside sha256",
    asset(`file: a, sha256: "${DIGEST}", pin: none`),
    '4:93 "pin" in asset "a" is of no use beside "sha256" / remove one: sha256 pins the octets already, and pin says what to do without it',
  ],
  [
    "an unknown policy",
    asset("file: a, pin: newest"),
    '4:22 "newest" is not a policy / known here: first, always-newest, none',
  ],
  [
    "checksums beside sha256",
    asset(`file: a, sha256: "${DIGEST}", checksums: { url: "https://x/S" }`),
    '4:93 asset "a" has both sha256 and checksums / keep sha256 for these very octets, or checksums for whatever the list names',
  ],
  [
    "refresh without a unit",
    asset("file: a, refresh: 60"),
    "4:26 the number 60 has no unit / write a whole number with s, m, h or d (seconds, minutes, hours, days), as in 6h; or never",
  ],
  [
    "refresh without a unit, in quotes",
    asset('file: a, refresh: "60"'),
    '4:26 "60" has no unit / write a whole number with s, m, h or d (seconds, minutes, hours, days), as in 6h; or never',
  ],
  [
    "refresh in weeks",
    asset("file: a, refresh: 1w"),
    '4:26 "1w" is not a duration / write a whole number with s, m, h or d (seconds, minutes, hours, days), as in 6h; or never',
  ],
  [
    "refresh at once",
    asset("file: a, refresh: 0s"),
    '4:26 "0s" is no time at all / write "never", or at least 1s',
  ],
  [
    "refresh longer than timers go",
    asset("file: a, refresh: 25d"),
    '4:26 "25d" is too long a time / write "never", or at most 24d',
  ],
]);

table("checksums", [
  [
    "without a list",
    asset("file: a, checksums: {}"),
    '4:17 checksums of asset "a" have no url / say where the list is: checksums: { url: URL }',
  ],
  [
    "with a wrong list: not called missing as well",
    asset("file: a, checksums: { url: S }"),
    '4:35 "S" is not a URL / write an https:, http:, s3: or file: URL, as in https://cdn.example.com/vmlinuz',
  ],
  [
    "without a name for the entry",
    asset('folder: a, checksums: { url: "https://x/S" }'),
    '4:19 checksums of asset "a" have no entry / add the name that the list has for it: entry: NAME',
  ],
  [
    "by two tools",
    asset('file: a, checksums: { url: "https://x/S", signify: base.pub, minisign: base.pub }'),
    '4:69 checksums of asset "a" have both signify and minisign / keep the one that the list is signed by',
  ],
  [
    "with a key that is not there",
    asset('file: a, checksums: { url: "https://x/S", signify: bsae.pub }'),
    '4:59 the public key "bsae.pub" is not there, or cannot be read / put it at /rack/bsae.pub, correct the path (relative to the site file), or write the key\'s own line',
  ],
  [
    "with a secret key",
    asset('file: a, checksums: { url: "https://x/S", minisign: secret.key }'),
    '4:60 "secret.key": this is no public key of minisign but looks like its secret key / name the public key, and keep this one off the machine',
  ],
  [
    "with a file that is no key",
    asset('file: a, checksums: { url: "https://x/S", minisign: other.txt }'),
    '4:60 "other.txt": this is no public key of minisign / name the file that minisign wrote, or its line that begins with "RW" ("RWQ…", 56 characters)',
  ],
  [
    "with a key cut short",
    asset('file: a, checksums: { url: "https://x/S", minisign: RWSHORT }'),
    '4:60 the public key "RWSHORT" is not there, or cannot be read / put it at /rack/RWSHORT, correct the path (relative to the site file), or write the key\'s own line',
  ],
  [
    "with a signature and no key",
    asset('file: a, checksums: { url: "https://x/S", signature: "https://x/s" }'),
    '4:50 checksums of asset "a" have a signature and no key to check it with / add signify: KEY or minisign: KEY, or remove "signature"',
  ],
  [
    "in a bucket that no store reaches",
    asset('file: a, checksums: { url: "s3://bucket/S" }'),
    '4:35 no store says where the bucket "bucket" is / add one: stores: { NAME: { s3: bucket, region: REGION } } for AWS; endpoint: URL for any other',
  ],
  [
    "with a key that has lost its end",
    asset(
      'file: a, checksums: { url: "https://x/S", minisign: RWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA }',
    ),
    '4:60 this is no public key of minisign / name the file that minisign wrote, or its line that begins with "RW" ("RWQ…", 56 characters)',
  ],
  [
    "with a secret key written out",
    asset(
      'file: a, checksums: { url: "https://x/S", signify: RWRCSwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA }',
    ),
    "4:59 this is no public key of signify but looks like its secret key / name the public key, and keep this one off the machine",
  ],
]);
