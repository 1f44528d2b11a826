import {
  HEAD,
  HOSTS,
  IPV4_CURE,
  MAC,
  MAC_CURE,
  machine,
  network,
  PREFIX_CURE,
  table,
} from "./problem-table.ts";

const EMPTY_CURE = 'it needs at least "site: NAME" and "network: { address: A.B.C.D/LEN }"';
const COMPACT_CURE =
  'only one "key: value" fits on a line: check the indentation, or put text that has ": " in quotes';
table("text that is not a map in YAML", [
  ["empty", "", `1:1 the site file is empty / ${EMPTY_CURE}`],
  ["only comments", "# later\n\n", `1:1 the site file is empty / ${EMPTY_CURE}`],
  [
    "a list",
    "- a\n",
    '1:1 the site file must be a map of keys to values / begin with "site: NAME"',
  ],
  [
    "no space after the colon",
    "site:rack7\n",
    "1:1 the site file must be a map of keys to values / put a space after each colon",
  ],
  [
    "tabs",
    "site: s\nnetwork:\n\taddress: 10.0.0.1/24\n",
    "3:1 not YAML: tabs are not allowed as indentation / indent with spaces",
  ],
  [
    "an unclosed quote",
    'site: "s\n',
    '1:9 not YAML: missing closing "quote / close the quote or bracket, or put a colon and a space after the key',
  ],
  [
    "wrong indentation",
    "site: s\n  network: x\n",
    `1:7 not YAML: nested mappings are not allowed in compact mappings / ${COMPACT_CURE}`,
  ],
  [
    "two documents",
    "site: s\n---\nsite: t\n",
    '2:1 a second document begins here / a site is one document: remove the "---" and what is after it, or make it a file of its own',
  ],
  [
    "a tag",
    "site: !env NAME\n",
    "1:7 not YAML: unresolved tag: !env / a site file needs no tags: remove it, or put the text in quotes",
  ],
  [
    "YAML 1.1, where a MAC address is a number",
    "%YAML 1.1\n---\nmac: 00:11:22:33:44:55\n",
    "1:1 YAML 1.1 is asked for: it reads 00:11:22:33:44:55 as a number and off as false / remove the %YAML line",
  ],
]);

table("keys", [
  [
    "unknown, near a known one",
    machine(`mac: "${MAC}", ip: 192.168.77.5, profle: x`),
    '4:52 unknown key "profle" in machine "m" / did you mean "profile"?',
  ],
  [
    "unknown, near none",
    network("gateway: 192.168.77.1"),
    '4:3 unknown key "gateway" in network / known here: interface, address, router, dns, domain, pool, lease, identity, dhcp, relays, probe, subnets, tftp',
  ],
  [
    "misspelt, not called missing as well",
    machine(`maac: "${MAC}", ip: 192.168.77.5`),
    '4:8 unknown key "maac" in machine "m" / did you mean "mac"?',
  ],
  [
    "every unknown one",
    `${HEAD}foo: 1\nbar: 2\n`,
    '3:1 unknown key "foo" in the site file / known here: site, network, management, cache, stores, assets, profiles, defaults, machines, unknown',
    '4:1 unknown key "bar" in the site file / known here: site, network, management, cache, stores, assets, profiles, defaults, machines, unknown',
  ],
  [
    "without a space after the colon",
    machine(`mac: "${MAC}", ip:192.168.77.5`),
    '4:34 unknown key "ip:192.168.77.5" in machine "m" / put a space after the colon: ip: 192.168.77.5',
  ],
  [
    "there twice",
    `${HEAD}machines:\n  m: { mac: "${MAC}", ip: 192.168.77.5 }\n  m: {}\n`,
    '5:3 "m" is there twice in machines / keep one of the two: the other is on line 4',
  ],
  [
    "without a value",
    `${HEAD}machines:\n`,
    '3:1 "machines" in the site file has no value / give it a value, or remove the key',
  ],
  [
    "that JavaScript would lose",
    `${HEAD}machines:\n  constructor: {}\n`,
    '4:3 "constructor" cannot be a name / choose another name',
  ],
  [
    "that every JavaScript object has",
    `${HEAD}valueOf: { toString: 1 }\n`,
    '3:1 unknown key "valueOf" in the site file / known here: site, network, management, cache, stores, assets, profiles, defaults, machines, unknown',
  ],
  [
    "that are maps",
    `${HEAD}{ a: b }: 1\n`,
    '3:1 a key in the site file is not plain text / write "key: value"; put text that begins with a bracket, * or & in quotes',
  ],
  [
    "missing at the top",
    "machines: {}\n",
    '1:1 the site has no name / begin the file with "site: NAME"',
    '1:1 the site has no network / add "network: { address: A.B.C.D/LEN }", our address in the rack',
  ],
  [
    "missing in network",
    "site: s\nnetwork: {}\n",
    '2:1 the network has no address / add "address: A.B.C.D/LEN", our address in the rack',
  ],
  [
    "missing in a machine",
    machine(""),
    '4:3 machine "m" has no mac / add the address of the interface that it boots from: mac: "00:03:ba:5b:ae:b3"',
    '4:3 machine "m" has no ip / add the address that it shall have: ip: A.B.C.D',
  ],
  [
    "with an alias for a value",
    `${HEAD}defaults: &d {}\nmachines: *d\n`,
    "4:11 a site file takes no YAML aliases / write the value out; what machines share belongs in a profile or in defaults",
  ],
]);

table("values of a wrong type", [
  [
    "text",
    `site: 7\nnetwork: { address: 192.168.77.1/24 }\n`,
    '1:7 "site" in the site file must be text, not the number 7 / put it in quotes: "7"',
  ],
  [
    "a map",
    `${HEAD}machines: [a]\n`,
    '3:11 a list where a map belongs / write "key: value" lines below it, or { key: value }',
  ],
  [
    "a list",
    network("dns: 9.9.9.9"),
    '4:8 the text "9.9.9.9" where a list belongs / write it in brackets: [9.9.9.9]',
  ],
  [
    "a MAC address read as a number",
    machine("mac: 000011223344, ip: 192.168.77.5"),
    `4:13 the number 000011223344 is not a MAC address / ${MAC_CURE}`,
  ],
  [
    "an IPv4 address read as a number",
    machine(`mac: "${MAC}", ip: 10.10`),
    `4:38 the number 10.10 is not an IPv4 address / ${IPV4_CURE}`,
  ],
  [
    "a digest read as a number",
    `${HEAD}assets: { a: { file: a, sha256: 0123 } }\n`,
    "3:33 the number 0123 is not a SHA-256 digest / write its 64 hex digits in quotes, as sha256sum prints them",
  ],
  [
    "a variable with parts",
    machine(`mac: "${MAC}", ip: 192.168.77.5, vars: { disk: [sda] }`),
    "4:66 a variable is text, a number, true or false / write one of these; give what has parts a variable for each part",
  ],
]);

table("the network", [
  [
    "an address without a prefix",
    "site: s\nnetwork: { address: 10.0.0.1 }\n",
    `2:21 "10.0.0.1" is not an address with a prefix length / ${PREFIX_CURE}`,
  ],
  [
    "too small a network",
    "site: s\nnetwork: { address: 10.0.0.1/31 }\n",
    `2:21 "10.0.0.1/31" is not an address with a prefix length / ${PREFIX_CURE}`,
  ],
  [
    "the network's own address",
    "site: s\nnetwork: { address: 10.0.0.0/24 }\n",
    `2:21 10.0.0.0/24 is a network or broadcast address, or no host's / ${PREFIX_CURE}`,
  ],
  [
    "the broadcast address",
    "site: s\nnetwork: { address: 10.0.0.255/24 }\n",
    `2:21 10.0.0.255/24 is a network or broadcast address, or no host's / ${PREFIX_CURE}`,
  ],
  [
    "a router outside",
    network("router: 192.168.78.1"),
    `4:11 the router has the address 192.168.78.1, outside the network 192.168.77.0/24 / ${HOSTS}, or correct network.address`,
  ],
  [
    "an octal-looking DNS server",
    network("dns: [9.9.9.9, 010.0.0.1]"),
    `4:18 "010.0.0.1" is not an IPv4 address / ${IPV4_CURE}`,
  ],
  [
    "a multicast DNS server",
    network("dns: [224.0.0.251]"),
    "4:9 224.0.0.251 is not the address of a host / write an address outside 0/8, 127/8 and 224/3",
  ],
  [
    "a domain with an underscore",
    network("domain: my_rack"),
    '4:11 "my_rack" is not a host name / use labels of letters, digits and dashes, at most 63 each, joined by dots; not an address',
  ],
  [
    "an interface with a space",
    network('interface: "eth 0"'),
    '4:14 "eth 0" is not a network interface / write a name as "ip link" shows it: eth0',
  ],
  [
    "dhcp misspelt",
    network("dhcp: authoritive"),
    '4:9 "authoritive" is not a way to do DHCP / did you mean "authoritative"?',
  ],
  [
    "dhcp nothing like it",
    network("dhcp: yes"),
    '4:9 "yes" is not a way to do DHCP / known here: authoritative, proxy, auto, off',
  ],
]);
