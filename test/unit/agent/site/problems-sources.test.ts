import { HEAD, table } from "./problem-table.ts";

const DIGEST = "9f".repeat(32);
const MIRRORS = Array.from({ length: 17 }, (_, i) => `"https://m${i}/a"`).join(", ");

/** One asset on line 4. */
const asset = (text: string): string => `${HEAD}assets:\n  a: { ${text} }\n`;

table("sources", [
  [
    "none",
    asset(`sha256: "${DIGEST}"`),
    '4:3 asset "a" has no source / say where it is to be had: file: PATH, folder: PATH, url: URL, s3: … or oci: …',
  ],
  [
    "two",
    asset('file: a, url: "https://x/a"'),
    '4:17 asset "a" has both file and url / keep one of the two; mirrors of the same octets are a list: url: [URL, URL]',
  ],
  [
    "a wrong one: not called missing as well",
    asset('url: "ftp://x/a"'),
    '4:13 "ftp:" is not a kind of store / write an https:, http:, s3: or file: URL, as in https://cdn.example.com/vmlinuz',
  ],
  [
    "wrong in a list: not called missing as well",
    asset('url: ["https://x/a", 7]'),
    "4:29 the number 7 is not a URL / write an https:, http:, s3: or file: URL, as in https://cdn.example.com/vmlinuz",
  ],
  [
    "an empty list",
    asset("url: []"),
    "4:13 this list of mirrors is empty / write one URL, or a list of them",
  ],
  ["too many mirrors", asset(`url: [${MIRRORS}]`), "4:13 these are 17 mirrors / keep the 16 best"],
  [
    "the same mirror twice",
    asset('url: ["https://x/a", "https://X:443/a"]'),
    "4:29 this mirror is in the list twice / remove one of the two",
  ],
  [
    "a path for a URL",
    asset("url: /srv/a"),
    '4:13 "/srv/a" is a path and not a URL / write file:///srv/a, or use file: instead',
  ],
  [
    "a relative path for a URL",
    asset("url: boot/a"),
    '4:13 "boot/a" is not a URL / write an https:, http:, s3: or file: URL, as in https://cdn.example.com/vmlinuz',
  ],
  [
    "a URL without slashes",
    asset('url: "https:x/a"'),
    '4:13 "https:x/a" is not a URL / write an https:, http:, s3: or file: URL, as in https://cdn.example.com/vmlinuz',
  ],
  [
    "a URL with a space",
    asset('url: "https://x/a b"'),
    '4:13 "https://x/a b" has a space in it / remove it, or write it as %20',
  ],
  [
    "a URL with a fragment",
    asset('url: "https://x/a#b"'),
    '4:13 "https://x/a#b" has a "#" in it, which no server sees / remove it, or write %23',
  ],
  [
    "a URL that no server takes",
    asset(`url: "https://x/${"a".repeat(8000)}"`),
    "4:13 this URL has 8010 characters / write one of at most 8000",
  ],
  [
    "an artifact's URL",
    asset('url: "oci://r.example/x:1"'),
    '4:13 "oci://r.example/x:1" is an artifact in a registry / name it by oci: instead of url:',
  ],
  [
    "a file's URL with a host",
    asset('url: "file://nas/a"'),
    '4:13 "file://nas/a" is not the URL of a file here / write file:///PATH',
  ],
  [
    "a file's URL with an encoded slash",
    asset('url: "file:///a%2Fb"'),
    '4:13 "file:///a%2Fb" is not the URL of a file here / write file:///PATH',
  ],
  [
    "a file's URL with an encoded NUL",
    asset('url: "file:///a%00"'),
    '4:13 "file:///a%00" is not the URL of a file here / write file:///PATH',
  ],
  [
    "a path with a NUL",
    asset('file: "a\\0"'),
    '4:14 "a\\u0000" is not a path / remove the NUL character from it',
  ],
  [
    "a bucket without a key",
    asset("s3: bucket"),
    '4:12 "bucket" is not an object in a bucket / write s3://BUCKET/KEY',
  ],
  [
    "a key that is a folder",
    asset("s3: s3://bucket/k/"),
    '4:12 "s3://bucket/k/" is not an object in a bucket / write s3://BUCKET/KEY',
  ],
  [
    "a key with a step up",
    asset("s3: s3://bucket/k/../x"),
    '4:12 "s3://bucket/k/../x" is not an object in a bucket / write s3://BUCKET/KEY',
  ],
  [
    "a bucket that no store reaches",
    asset("s3: bucket/k"),
    '4:12 no store says where the bucket "bucket" is / add one: stores: { NAME: { s3: bucket, region: REGION } } for AWS; endpoint: URL for any other',
  ],
  [
    "a bucket among mirrors that no store reaches",
    asset('url: ["https://x/a", "s3://bucket/k"]'),
    '4:29 no store says where the bucket "bucket" is / add one: stores: { NAME: { s3: bucket, region: REGION } } for AWS; endpoint: URL for any other',
  ],
  [
    "a short name of Docker Hub",
    asset('oci: "alpine:3"'),
    '4:13 "alpine:3" is short for something at Docker Hub / write it in full, docker.io/library/alpine:3',
  ],
  [
    "no repository",
    asset('oci: "r.example:5000"'),
    '4:13 "r.example:5000" names a registry and no repository / write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, as in registry.example.com/talos:v1.11.6',
  ],
  [
    "capitals in a repository",
    asset("oci: r.example/Talos"),
    '4:13 the repository "Talos" has capital letters / write it in lower case: talos',
  ],
  [
    "a scheme before a registry",
    asset('oci: "https://r.example/x"'),
    '4:13 an OCI artifact has no "https://" before it / begin with the registry\'s host; plainHttp: true in its store is for one without TLS',
  ],
  [
    "a short digest",
    asset('oci: "r.example/x@sha256:9f"'),
    '4:13 "@sha256:9f" is not the digest of a manifest / write @sha256: and 64 lower-case hex digits after the repository',
  ],
  [
    "no reference at all",
    asset('oci: "r.example/x y"'),
    '4:13 "r.example/x y" is not an OCI reference / write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, as in registry.example.com/talos:v1.11.6',
  ],
]);

table("what belongs to a source", [
  [
    "match without a folder",
    asset('file: a, match: "*"'),
    '4:17 "match" in asset "a" is of no use without "folder" / add "folder", or remove "match"',
  ],
  [
    "match with a slash",
    asset("folder: a, match: a/*"),
    '4:26 "a/*" is not a pattern of file names / write a name in which * and ? stand for what may differ, without "/": "vmlinuz-*"',
  ],
  [
    "parts of an artifact without one",
    asset("file: a, title: x, platform: linux/amd64"),
    '4:17 "title" in asset "a" is of no use without "oci" / add "oci", or remove "title"',
    '4:27 "platform" in asset "a" is of no use without "oci" / add "oci", or remove "platform"',
  ],
  [
    "two parts of an artifact",
    asset('oci: "r.example/x:1", title: x, path: y'),
    '4:40 asset "a" has both title and path / keep one: each picks a part by itself',
  ],
  [
    "a path of an artifact with a slash before it",
    asset('oci: "r.example/x:1", path: /x'),
    '4:36 "/x" is not a path within an archive / write it without a leading "/", "..", "." or a backslash, as in boot/vmlinuz',
  ],
  [
    "no media type",
    asset('oci: "r.example/x:1", mediaType: tar'),
    '4:41 "tar" is not a media type / write it as the manifest has it: application/vnd.example.kernel',
  ],
  [
    "no platform",
    asset('oci: "r.example/x:1", platform: arm64'),
    '4:40 "arm64" is not a platform / write OS/ARCHITECTURE as an image index has it: linux/arm64',
  ],
]);
