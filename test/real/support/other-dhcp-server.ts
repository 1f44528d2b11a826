import type { Lab } from "./lab.ts";

/** dnsmasq as the network's own DHCP server, which knows nothing of booting, on one more host of the bridge. */
export async function otherDhcpServer(lab: Lab): Promise<void> {
  const netns = lab.host("192.168.77.2/24");
  const fixed = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"];
  const lease = ["--dhcp-range=192.168.77.100,192.168.77.110", "--leasefile-ro"];
  const command = ["dnsmasq", ...fixed, ...lease, "--no-ping", "--log-facility=-"];
  const serving = await lab
    .startIn(netns, command, "dnsmasq.log")
    .until(/DHCP, IP range|DHCP, sockets bound/, 10_000);
  if (serving !== "match") throw new Error("dnsmasq did not start");
}
