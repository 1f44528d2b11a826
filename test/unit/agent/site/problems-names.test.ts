import {
  ASSETS,
  FILE_NAME_CURE,
  HEAD,
  HOSTS,
  MAC,
  MAC_CURE,
  machine,
  profile,
  type Row,
  table,
} from "./problem-table.ts";

table("assets", [
  [
    "with a short digest",
    `${HEAD}assets: { a: { file: a, sha256: "9f" } }\n`,
    '3:33 "9f" is not a SHA-256 digest / write its 64 hex digits in quotes, as sha256sum prints them',
  ],
  [
    "with a name that has a space",
    `${HEAD}assets: { a b: { file: a } }\n`,
    '3:11 "a b" is not a name / use letters, digits, dots, dashes and underscores, a letter or digit first',
  ],
  [
    "unknown, near a declared one",
    profile("bsd: { loader: a, root: { netbsd: netbds } }"),
    '5:42 unknown asset "netbds" in bsd.root of profile "p" / did you mean "netbsd"?',
  ],
  [
    "unknown in a list",
    profile("linux: { kernel: a, initrd: [a, zzz] }"),
    '5:40 unknown asset "zzz" in linux of profile "p" / known here: a, netbsd',
  ],
  [
    "unknown, alone",
    profile("linux: { kernel: a, initrd: zzz }"),
    '5:36 unknown asset "zzz" in linux of profile "p" / known here: a, netbsd',
  ],
  [
    "unknown where none are declared",
    `${HEAD}defaults: { chain: { ipxe: x } }\n`,
    '3:28 unknown asset "x" in defaults.chain / there are no assets yet: declare it under "assets:"',
  ],
  [
    "declared but wrong: not called unknown as well",
    `${HEAD}assets: { a: {} }\ndefaults: { chain: { ipxe: a } }\n`,
    '3:11 asset "a" has no source / say where it is to be had: file: PATH, folder: PATH, url: URL, s3: … or oci: …',
  ],
  [
    "for an unknown family",
    `${HEAD}${ASSETS}defaults: { chain: { uefi-x46: a } }\n`,
    '4:22 unknown key "uefi-x46" in defaults.chain / did you mean "uefi-x64"?',
  ],
]);

table("profiles", [
  [
    "with nothing",
    profile(""),
    '5:3 profile "p" has nothing to boot / give it bsd, linux or files',
  ],
  [
    "with both systems",
    profile("bsd: { loader: a, root: x }, linux: { kernel: a }"),
    '5:37 profile "p" has both bsd and linux / make two profiles of it: a machine boots one or the other',
  ],
  [
    "bsd without parts",
    profile("bsd: {}"),
    '5:8 bsd of profile "p" has no loader / name the asset that it gets by TFTP: loader: ASSET',
    '5:8 bsd of profile "p" has no root / say what it finds over NFS: root: { NAME: ASSET }, root: DIRECTORY or rootImage: ASSET',
  ],
  [
    "linux without a kernel, root or files",
    profile("linux: { cmdline: quiet }"),
    '5:8 linux of profile "p" has neither a kernel nor a root, and no files / name the asset that is the kernel: kernel: ASSET',
  ],
  [
    "linux with parts that need others",
    profile("linux: { initrd: a, rootPath: /x }, files: { f: a }"),
    '5:17 "initrd" in linux of profile "p" is of no use without "kernel" / add "kernel", or remove "initrd"',
    '5:28 "rootPath" in linux of profile "p" is of no use without "root" / add "root", or remove "rootPath"',
  ],
  [
    "rules of a root that is not there",
    profile("linux: { kernel: a, rootSquash: true, privilegedPorts: false }"),
    '5:28 "rootSquash" in linux of profile "p" is of no use without "root" / add "root", or remove "rootSquash"',
    '5:46 "privilegedPorts" in linux of profile "p" is of no use without "root" / add "root", or remove "privilegedPorts"',
  ],
  [
    "rules that are no switches",
    profile("bsd: { loader: a, root: x, rootSquash: all, privilegedPorts: 1024 }"),
    '5:47 the text "all" is neither true nor false / write true or false, without quotes',
    "5:69 the number 1024 is neither true nor false / write true or false, without quotes",
  ],
  [
    "a root that is an image as well",
    profile("bsd: { loader: a, root: x, rootImage: a }"),
    '5:35 a root is either names of assets or a directory ("root"), or an image ("rootImage") / remove one of the two',
  ],
  [
    "a root out of an image that is no asset",
    profile("linux: { rootImage: b, rootPath: /x }"),
    '5:28 unknown asset "b" in linux of profile "p" / did you mean "a"?',
  ],
  [
    "an overlay of nothing",
    profile("linux: { overlay: 1GiB }, files: { f: a }"),
    '5:17 "overlay" in linux of profile "p" is of no use without "root" / add "root", or remove "overlay"',
  ],
  [
    "an overlay without a unit",
    profile("bsd: { loader: a, root: x, overlay: 500 }"),
    "5:44 the number 500 has no unit / write a number with KiB, MiB, GiB or TiB, as in 8GiB",
  ],
  [
    "a relative rootPath",
    profile("bsd: { loader: a, root: x, rootPath: export }"),
    '5:45 "export" is not an absolute path / begin it with "/", without ".." or "//" in it',
  ],
  ...["/a", "a/../b", "..", "a//b", "./a", "a\\b", "a/"].map(
    (name): Row => [
      `a file called ${name}`,
      profile(`files: { '${name}': a }`),
      `5:17 ${JSON.stringify(name)} is not a file name to serve / ${FILE_NAME_CURE}`,
    ],
  ),
  [
    "a file that is a folder too",
    profile("bsd: { loader: a, root: { etc: a, etc/rc: a } }"),
    '5:34 "etc" is a file here, and a folder in "etc/rc" / rename one of the two',
  ],
  [
    "a template that is not there",
    profile("files: { f: { template: t/f.liquid } }"),
    '5:32 the template "t/f.liquid" of file "f" is not there / create /rack/t/f.liquid, or correct the path: it is relative to the site file',
  ],
  [
    "a template without a path",
    profile("files: { f: {} }"),
    '5:17 file "f" has no template / name an asset, or say where it is: { template: PATH }',
  ],
  [
    "a boot file that is none of its files",
    profile("files: { boot.efi: a }, boot: bot.efi"),
    '5:38 boot of profile "p" names no file of it: "bot.efi" / did you mean "boot.efi"?',
  ],
  [
    "a boot file without files",
    profile("linux: { kernel: a }, boot: x"),
    '5:36 boot of profile "p" names no file of it: "x" / add it: files: { x: ASSET }',
  ],
  [
    "a boot file that no BOOTP header holds",
    profile(`boot: ${"x".repeat(128)}, files: { ${"x".repeat(128)}: a }`),
    '5:14 boot of profile "p" is 128 octets long / a BOOTP header has room for 127 octets: shorten the name',
  ],
  [
    "a bootparams value without a server or path",
    profile("bsd: { loader: a, root: x, bootparams: { swap: none } }"),
    '5:55 "none" is not a bootparams value / write "/path" for one on this agent, "server:/path", or ":value" for no server',
  ],
  [
    "a bootparams server that nobody is",
    profile('bsd: { loader: a, root: x, bootparams: { swap: "nas:/swap" } }'),
    "5:55 unknown server \"nas\" / write the server's IPv4 address (a machine's name or an address)",
  ],
]);

const M2 = 'n: { mac: "00:03:ba:5b:ae:b4", ip: 192.168.77.6';
table("machines", [
  [
    "a MAC address of five octets",
    machine('mac: "00:03:ba:5b:ae", ip: 192.168.77.5'),
    `4:13 "00:03:ba:5b:ae" is not a MAC address / ${MAC_CURE}`,
  ],
  [
    "a group's MAC address",
    machine("mac: 01:00:5e:00:00:01, ip: 192.168.77.5"),
    `4:13 01:00:5e:00:00:01 is not the address of one interface / read it off the machine: ${MAC_CURE}`,
  ],
  [
    "a MAC address of zeros",
    machine("mac: 00:00:00:00:00:00, ip: 192.168.77.5"),
    `4:13 00:00:00:00:00:00 is not the address of one interface / read it off the machine: ${MAC_CURE}`,
  ],
  [
    "the same MAC address in another form",
    `${machine(`mac: "${MAC}", ip: 192.168.77.5`)}  n: { mac: 0-3-BA-5B-AE-B3, ip: 192.168.77.6 }\n`,
    `5:13 machine "n" has the MAC address ${MAC}, as machine "m" on line 4 / give each machine its own`,
  ],
  [
    "the same address",
    `${machine(`mac: "${MAC}", ip: 192.168.77.6`)}  ${M2} }\n`,
    '5:38 machine "n" has the address 192.168.77.6, as machine "m" on line 4 / give each machine its own',
  ],
  [
    "the same host name, whatever the case",
    `${machine(`mac: "${MAC}", ip: 192.168.77.5`)}  ${M2}, hostname: M }\n`,
    '5:62 machine "n" has the host name "M", as machine "m" on line 4 / give each machine its own',
  ],
  [
    "names that differ in case only",
    `${machine(`mac: "${MAC}", ip: 192.168.77.5`)}  ${M2.replace("n:", "M:")} }\n`,
    '5:3 machine "M" has the host name "M", as machine "m" on line 4 / give each machine its own',
  ],
  [
    "an address outside the network",
    machine(`mac: "${MAC}", ip: 192.168.78.5`),
    `4:38 machine "m" has the address 192.168.78.5, outside the network 192.168.77.0/24 / ${HOSTS}, or correct network.address`,
  ],
  [
    "our address",
    machine(`mac: "${MAC}", ip: 192.168.77.1`),
    '4:38 machine "m" has the address 192.168.77.1, which is ours / give one of the two another address',
  ],
  [
    "the network's address",
    machine(`mac: "${MAC}", ip: 192.168.77.0`),
    `4:38 machine "m" has the address 192.168.77.0, which is the network address of 192.168.77.0/24 / ${HOSTS}`,
  ],
  [
    "the broadcast address",
    machine(`mac: "${MAC}", ip: 192.168.77.255`),
    `4:38 machine "m" has the address 192.168.77.255, which is the broadcast address of 192.168.77.0/24 / ${HOSTS}`,
  ],
  [
    "an unknown profile",
    `${machine(`mac: "${MAC}", ip: 192.168.77.5, profile: netbds`)}profiles: { netbsd: { files: { f: a } } }\nassets: { a: { file: a } }\n`,
    '4:61 unknown profile "netbds" in machine "m" / did you mean "netbsd"?',
  ],
  [
    "a profile where none are declared",
    machine(`mac: "${MAC}", ip: 192.168.77.5, profile: x`),
    '4:61 unknown profile "x" in machine "m" / there are no profiles yet: declare it under "profiles:"',
  ],
  [
    "a name that is no host name",
    `${HEAD}machines:\n  -m: { mac: "${MAC}", ip: 192.168.77.5 }\n`,
    '4:3 "-m" is not a host name / use labels of letters, digits and dashes, at most 63 each, joined by dots; not an address',
  ],
  [
    "a name that is an address",
    `${HEAD}machines:\n  10.0.0.1: { mac: "${MAC}", ip: 192.168.77.5 }\n`,
    '4:3 "10.0.0.1" is not a host name / use labels of letters, digits and dashes, at most 63 each, joined by dots; not an address',
  ],
  [
    "a variable that no template can name",
    machine(`mac: "${MAC}", ip: 192.168.77.5, vars: { "a b": 1 }`),
    '4:60 "a b" is not a variable name / use letters, digits, underscores and dashes, a letter first',
  ],
  [
    "a rule with an unknown profile",
    `${HEAD}unknown: { rest: { profile: rescue } }\n`,
    '3:29 unknown profile "rescue" in rule "rest" / there are no profiles yet: declare it under "profiles:"',
  ],
]);
