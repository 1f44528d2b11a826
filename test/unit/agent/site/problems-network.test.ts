import { HEAD, network, table } from "./problem-table.ts";

const HOSTS = "choose from 192.168.77.1 to 192.168.77.254";
const RANGE = "write the first and the last address with a dash: 10.77.0.100-10.77.0.199";
const rule = (match: string): string => `${HEAD}unknown: { r: { match: { ${match} } } }\n`;

const PORTS = "write the first and the last port with a dash, 1024 to 65535: 20000-29999";

table("ports of TFTP", [
  [
    "no range",
    network("tftp: { ports: 69 }"),
    `4:18 the number 69 is not a range of ports / ${PORTS}`,
  ],
  [
    "too few",
    network("tftp: { ports: 20000-20010 }"),
    '4:18 "20000-20010" is too few ports / make it 64 at least',
  ],
  [
    "backwards",
    network("tftp: { ports: 3000-2000 }"),
    `4:18 "3000-2000" ends before it begins / ${PORTS}`,
  ],
]);

table("pools", [
  [
    "no range",
    network("pool: 192.168.77.9"),
    `4:9 "192.168.77.9" is not a range of addresses / ${RANGE}`,
  ],
  [
    "backwards",
    network("pool: 192.168.77.9-192.168.77.3"),
    '4:9 "192.168.77.9-192.168.77.3" ends before it begins / did you mean "192.168.77.3-192.168.77.9"?',
  ],
  [
    "outside",
    network("pool: 10.0.0.1-10.0.0.9"),
    `4:9 the pool 10.0.0.1-10.0.0.9 is not within the hosts of 192.168.77.0/24 / ${HOSTS}`,
  ],
  [
    "up to the broadcast address",
    network("pool: 192.168.77.1-192.168.77.255"),
    `4:9 the pool 192.168.77.1-192.168.77.255 is not within the hosts of 192.168.77.0/24 / ${HOSTS}`,
  ],
  [
    "twice the same",
    network("pool: [192.168.77.1-192.168.77.9, 192.168.77.9-192.168.77.20]"),
    "4:37 the pool 192.168.77.9-192.168.77.20 overlaps one before it / join the two",
  ],
  [
    "no unit of a lease",
    network("lease: 12"),
    "4:10 the number 12 has no unit / write a whole number with m, h or d (minutes, hours, days), from 2m to 365d, as in 12h",
  ],
  [
    "a short lease",
    network("lease: 1m"),
    '4:10 "1m" is no useful length of a lease / write a whole number with m, h or d (minutes, hours, days), from 2m to 365d, as in 12h',
  ],
  [
    "an identity that there is not",
    network("identity: mac"),
    '4:13 "mac" is not a way to tell clients apart / known here: hardware, client-id',
  ],
]);

table("subnets", [
  [
    "without a prefix",
    network("subnets: { a: {} }"),
    '4:14 the subnet "a" has no prefix / add the network behind the relay: prefix: 10.77.0.0/24',
  ],
  [
    "with an address for a prefix",
    network("subnets: { a: { prefix: 10.1.0.1/24 } }"),
    '4:27 "10.1.0.1/24" is an address within a network / did you mean "10.1.0.0/24"?',
  ],
  [
    "over the rack",
    network("subnets: { a: { prefix: 192.168.0.0/16 } }"),
    '4:27 the subnet "a" overlaps the network "rack", 192.168.77.0/24 / correct one of the two',
  ],
  [
    "over another",
    network("subnets: { a: { prefix: 10.1.0.0/24 }, b: { prefix: 10.1.0.128/25 } }"),
    '4:55 the subnet "b" overlaps the network "a", 10.1.0.0/24 / correct one of the two',
  ],
  [
    "called rack",
    network("subnets: { rack: { prefix: 10.1.0.0/24 } }"),
    '4:14 "rack" is what the rack\'s own network is called / choose another name',
  ],
  [
    "with a router outside",
    network("subnets: { a: { prefix: 10.1.0.0/24, router: 10.2.0.1 } }"),
    '4:48 the router of "a" has the address 10.2.0.1, outside the network 10.1.0.0/24 / choose one of 10.1.0.1 to 10.1.0.254, or correct its prefix',
  ],
]);

table("rules for machines that are not listed", [
  [
    "a family that there is not",
    rule("family: uefi-x46"),
    '3:34 "uefi-x46" is not a firmware family / did you mean "uefi-x64"?',
  ],
  [
    "no MAC",
    rule("mac: 5254"),
    '3:31 the number 5254 is not the beginning of a MAC address / write one to six pairs of hex digits in quotes: "52:54:00"',
  ],
  [
    "an architecture by name",
    rule("architecture: x64"),
    '3:40 the text "x64" is not an architecture / write its number in IANA\'s registry of processor architecture types: 7 for x64 UEFI',
  ],
  [
    "a key that there is not",
    rule("vendorclass: PXEClient"),
    '3:26 unknown key "vendorclass" in match of rule "r" / did you mean "vendorClass"?',
  ],
]);
