import { describe } from "vitest";
import { startAgent } from "../support/agent.ts";
import { type Console, runGuest } from "../support/guest.ts";
import { CLIENT_MAC, type Lab } from "../support/lab.ts";
import { realTest } from "../support/real-test.ts";

const POOL = `
site: lab
network:
  {
    interface: srv0,
    address: 192.168.77.1/24,
    router: 192.168.77.254,
    pool: 192.168.77.100-192.168.77.109,
    lease: 1h,
  }
assets:
  bios: { file: /bin/true }
  efi: { file: /bin/true }
  efi-arm: { file: /bin/true }
profiles: { nothing: { files: {} } }
defaults:
  chain: { pxe-bios: bios, uefi-x64: efi, uefi-arm64: efi-arm }
unknown:
  everybody: { profile: nothing }
`;
const RESERVED = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24 }
profiles: { nothing: { files: {} } }
machines:
  bench1: { mac: "${CLIENT_MAC}", ip: 192.168.77.50, profile: nothing }
`;

/** Runs a shell command in the client's namespace, whose NIC is br0. */
function sh(lab: Lab, name: string, command: string): Promise<Console> {
  return runGuest(lab, { name, command: ["sh", "-c", command] });
}

/** dhclient once; its lease file is printed at the end. */
function dhclient(lab: Lab, name: string, config: string, flags = "-1"): Promise<Console> {
  const leases = `${lab.scratch}/dhclient.leases`;
  const conf = lab.file(`${name}.conf`, config);
  const files = `-sf /bin/true -lf ${leases} -pf ${lab.scratch}/dhclient.pid -cf ${conf}`;
  const ask = `touch ${leases}; timeout 20 dhclient -4 -v -d ${flags} ${files} br0`;
  // A client that has its lease goes on running for it.
  const once = `(${ask} & until grep -q '^lease' ${leases}; do sleep 0.1; done; sleep 0.3; kill $!)`;
  return sh(lab, name, `${flags === "-1" ? once : ask} 2>&1; cat ${leases}`);
}

/** klibc's client once; what it wrote of its answer, and how it has set br0. */
function ipconfig(lab: Lab, protocol: string): Promise<Console> {
  const ask = `/usr/lib/klibc/bin/ipconfig -t 20 -c ${protocol} br0`;
  const told = "cat /run/net-br0.conf && ip -4 address show br0";
  const own = `unshare -m sh -c 'mount -t tmpfs t /run && ${ask} && ${told}'`;
  return sh(lab, `ipconfig-${protocol}`, `${own} 2>&1`);
}

/** What firmware of an architecture says of itself (RFC 4578). */
function firmware(architecture: number): string {
  const number = architecture.toString().padStart(5, "0");
  return [
    "option arch code 93 = unsigned integer 16;",
    "option undi code 94 = { unsigned integer 8, unsigned integer 8, unsigned integer 8 };",
    "option uuid code 97 = string;",
    `send vendor-class-identifier "PXEClient:Arch:${number}:UNDI:003016";`,
    `send arch ${architecture};`,
    "send undi 1, 3, 16;",
    "send uuid 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10;",
    "also request tftp-server-name, bootfile-name, vendor-encapsulated-options;",
    "",
  ].join("\n");
}

const ARCHITECTURES: readonly (readonly [number, string])[] = [
  [0, "bios"],
  [7, "efi"],
  [9, "efi"],
  [11, "efi-arm"],
];

/** By which protocol, of which site, and what it is told. Its BOOTP request ends before the options: 236 octets. */
const IPCONFIG: readonly (readonly [string, string, readonly string[]])[] = [
  ["bootp", RESERVED, ["inet 192.168.77.50/24", "HOSTNAME='bench1'", "ROOTSERVER='192.168.77.1'"]],
  [
    "dhcp",
    POOL,
    ["inet 192.168.77.100/24", "IPV4GATEWAY='192.168.77.254'", "DHCPLEASETIME='3600'"],
  ],
];

describe("clients of systems", () => {
  realTest("dhclient: a lease, the same again, and given back", async (lab) => {
    await startAgent(lab, POOL);
    const first = await dhclient(lab, "first", "");
    first.shows("fixed-address 192.168.77.100;");
    first.shows("option routers 192.168.77.254;");
    first.shows("option dhcp-lease-time 3600;");
    const again = await dhclient(lab, "again", "");
    // It knows its lease, and is confirmed in it without an offer (INIT-REBOOT).
    again.shows("DHCPREQUEST for 192.168.77.100");
    again.shows("DHCPACK of 192.168.77.100 from 192.168.77.1");
    again.lacks("DHCPDISCOVER");
    const back = await dhclient(lab, "back", "", "-r");
    back.shows("DHCPRELEASE of 192.168.77.100 on br0 to 192.168.77.1");
  });

  for (const [architecture, file] of ARCHITECTURES) {
    realTest(`dhclient as firmware of architecture ${architecture}`, async (lab) => {
      await startAgent(lab, POOL);
      const console = await dhclient(lab, `arch-${architecture}`, firmware(architecture));
      console.shows("fixed-address 192.168.77.100;");
      console.shows(`filename "${file}";`);
      console.shows("server-name");
    });
  }

  realTest("dhcpcd, with ARP for its address", async (lab) => {
    await startAgent(lab, POOL);
    const own =
      "mount -t tmpfs t /run && mkdir -p /var/lib/dhcpcd && mount -t tmpfs t /var/lib/dhcpcd";
    const ask = "timeout 30 dhcpcd -4 -1 -B -d -c /bin/true -f /dev/null br0";
    const console = await sh(lab, "dhcpcd", `unshare -m sh -c '${own} && ${ask} 2>&1'`);
    console.shows("offered 192.168.77.100 from 192.168.77.1");
    console.shows("leased 192.168.77.100 for 3600 seconds");
  });

  realTest("dhcping, who asks for an address without a server's name", async (lab) => {
    lab.address("192.168.77.50/24");
    await startAgent(lab, RESERVED);
    const ask = `dhcping -c 192.168.77.50 -s 192.168.77.1 -h ${CLIENT_MAC} -t 5`;
    (await sh(lab, "request", `${ask} 2>&1`)).shows("Got answer from: 192.168.77.1");
    (await sh(lab, "inform", `${ask} -i 2>&1`)).shows("Got answer from: 192.168.77.1");
  });

  for (const [protocol, site, told] of IPCONFIG) {
    realTest(`klibc's ipconfig by ${protocol}`, async (lab) => {
      await startAgent(lab, site);
      const console = await ipconfig(lab, protocol);
      console.shows(`IP-Config: br0 complete (${protocol} from`);
      for (const line of told) console.shows(line);
    });
  }

  realTest("nmap, who asks for every option there is", async (lab) => {
    lab.address("192.168.77.60/24");
    await startAgent(lab, POOL);
    const script = "--script broadcast-dhcp-discover --script-args";
    const args = "broadcast-dhcp-discover.mac=52:54:00:aa:00:77,broadcast-dhcp-discover.timeout=3";
    const console = await sh(lab, "nmap", `nmap -e br0 ${script} ${args} 2>&1`);
    console.shows("IP Offered: 192.168.77.100");
    console.shows("Server Identifier: 192.168.77.1");
    console.shows("Router: 192.168.77.254");
  });
});
