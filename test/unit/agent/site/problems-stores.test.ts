import { HEAD, table } from "./problem-table.ts";

const cache = (text: string): string => `${HEAD}cache: { ${text} }\n`;
/** One store on line 4. */
const store = (text: string): string => `${HEAD}stores:\n  s: { ${text} }\n`;

table("the cache", [
  [
    "a size without a unit",
    cache("size: 8"),
    "3:16 the number 8 has no unit / write a number with KiB, MiB, GiB or TiB, as in 8GiB",
  ],
  [
    "a size in powers of ten",
    cache("size: 8GB"),
    '3:16 "8GB" is not a size / write a number with KiB, MiB, GiB or TiB, as in 8GiB',
  ],
  [
    "no size",
    cache("size: 0GiB"),
    '3:16 "0GiB" is not a size / write a number with KiB, MiB, GiB or TiB, as in 8GiB',
  ],
  [
    "one version",
    cache("versions: 1"),
    "3:20 the number 1 is not a number of versions / write 2 to 20: the one that is served counts, and there must be one to go back to",
  ],
  [
    "versions in text",
    cache('versions: "3"'),
    '3:20 the text "3" is not a number of versions / write 2 to 20: the one that is served counts, and there must be one to go back to',
  ],
  [
    "refresh without a unit",
    cache("refresh: 6"),
    "3:19 the number 6 has no unit / write a whole number with s, m, h or d (seconds, minutes, hours, days), as in 6h; or never",
  ],
]);

table("stores", [
  [
    "that cover nothing",
    store("ca: x"),
    '4:3 store "s" covers nothing / say what it covers: url: URL, s3: BUCKET or oci: REGISTRY',
  ],
  [
    "of two kinds",
    store('url: "https://x/", oci: r.example'),
    '4:27 store "s" has both url and oci / make two stores of it',
  ],
  [
    "of a wrong kind of URL",
    store('url: "file:///a"'),
    '4:13 "file:///a" is not the URL of a store / write https:// or http://, a host, and a path if it has one',
  ],
  [
    "of a URL with a query",
    store('url: "https://x/?a"'),
    '4:13 "https://x/?a" is not the URL of a store / write https:// or http://, a host, and a path if it has one',
  ],
  [
    "with keys of other kinds",
    store('url: "https://x/", region: r, plainHttp: true'),
    '4:27 "region" in store "s" is of no use with "url" / remove it: beside "url" a store takes username, password, token, ca',
    '4:38 "plainHttp" in store "s" is of no use with "url" / remove it: beside "url" a store takes username, password, token, ca',
  ],
  [
    "of a bucket without a place",
    store("s3: bucket"),
    '4:3 store "s" has neither a region nor an endpoint / add region: REGION for AWS, or endpoint: URL for any other',
  ],
  [
    "of a bucket with a wrong place: not called missing as well",
    store("s3: bucket, endpoint: x"),
    '4:30 "x" is not the URL of a store / write https:// or http://, a host, and a path if it has one',
  ],
  [
    "of a bucket with one of its keys",
    store("s3: bucket, region: r, accessKey: { env: A }"),
    '4:31 store "s" has "accessKey" without "secretKey" / add "secretKey", or remove "accessKey"',
  ],
  [
    "of a bucket before an address",
    store('s3: bucket, endpoint: "http://10.0.0.9", pathStyle: false'),
    '4:60 store "s" has an address for an endpoint, which no bucket\'s name can stand before / write pathStyle: true, or give the endpoint by name',
  ],
  [
    "of no bucket",
    store("s3: b, region: r"),
    '4:12 "b" is not a bucket / write the bucket\'s name, BUCKET/PREFIX, or "*" for every bucket',
  ],
  [
    "of a region with a dot",
    store("s3: bucket, region: a.b"),
    '4:28 "a.b" is not a region / use letters, digits and dashes: region: eu-central-1',
  ],
  [
    "of a registry with a scheme",
    store('oci: "https://r.example"'),
    '4:13 an OCI artifact has no "https://" before it / begin with the registry\'s host; plainHttp: true in its store is for one without TLS',
  ],
  [
    "with a password and no user",
    store('url: "https://x/", password: { env: A }'),
    '4:27 store "s" has "password" without "username" / add "username", or remove "password"',
  ],
  [
    "with a user and no password",
    store("oci: r.example, username: u"),
    '4:24 store "s" has "username" without "password" / add "password", or remove "username"',
  ],
  [
    "with a token and a user",
    store('url: "https://x/", username: u, password: { env: A }, token: { env: B }'),
    '4:62 store "s" has both a user name and a token / keep the one that the store asks for',
  ],
  [
    "with a user that has a colon",
    store('url: "https://x/", username: "u:p", password: { env: A }'),
    "4:37 this user name has a colon or a control character in it / write the name alone: the password has a key of its own",
  ],
  [
    "with a credential nowhere",
    store('url: "https://x/", token: {}'),
    '4:27 "token" does not say where the credential is / write { env: NAME } or { file: PATH }',
  ],
  [
    "with a credential in two places",
    store('url: "https://x/", token: { env: A, file: b }'),
    '4:44 "token" is in a variable and in a file / keep one of the two',
  ],
  [
    "with a variable that no shell has",
    store('url: "https://x/", token: { env: A-B }'),
    "4:41 this is not the name of an environment variable / use letters, digits and underscores: env: REGISTRY_PASSWORD",
  ],
  [
    "with a switch in quotes",
    store('oci: r.example, plainHttp: "yes"'),
    '4:35 the text "yes" is neither true nor false / write true or false, without quotes',
  ],
  [
    "with an unknown key",
    store('url: "https://x/", tokn: { env: A }'),
    '4:27 unknown key "tokn" in store "s" / did you mean "token"?',
  ],
  [
    "for the same URLs",
    `${HEAD}stores:\n  a: { url: "https://x/a" }\n  b: { url: "https://X:443/a/" }\n`,
    '5:13 store "b" covers the same as store "a" on line 4 / keep one of the two, or let one cover a longer path',
  ],
  [
    "for the same buckets and registries",
    `${HEAD}stores:\n  a: { s3: "*", region: r }\n  b: { s3: "*", region: q }\n  c: { oci: docker.io }\n  d: { oci: index.docker.io }\n`,
    '5:12 store "b" covers the same as store "a" on line 4 / keep one of the two, or let one cover a longer path',
    '7:13 store "d" covers the same as store "c" on line 6 / keep one of the two, or let one cover a longer path',
  ],
  [
    "of which one is wrong: its bucket is not called unknown",
    `${HEAD}stores:\n  a: { s3: "*", endpoint: nowhere }\nassets: { a: { s3: bucket/k } }\n`,
    '4:27 "nowhere" is not the URL of a store / write https:// or http://, a host, and a path if it has one',
  ],
  [
    "misspelt: their buckets are not called unknown",
    `${HEAD}store:\n  a: { s3: "*", region: r }\nassets: { a: { s3: bucket/k } }\n`,
    '3:1 unknown key "store" in the site file / did you mean "stores"?',
  ],
  [
    "called what every JavaScript object has",
    `${HEAD}stores: { toString: { url: 7 }, __proto__: {} }\n`,
    "3:28 the number 7 is not the URL of a store / write https:// or http://, a host, and a path if it has one",
    '3:33 "__proto__" cannot be a name / choose another name',
  ],
]);
