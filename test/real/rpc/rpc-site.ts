import { CLIENT_MAC, type Lab } from "../support/lab.ts";

/** The machine whose programs speak in these tests: the lab's bridge. */
export const ADDRESS = "192.168.77.31";

/** One machine with a root of a few files, written into the lab's scratch. */
export function rpcSite(lab: Lab, sections = ""): string {
  lab.file("kernel", "a kernel, as far as this test goes\n");
  lab.file("motd", "hello from the rack\n");
  return `site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: off }
assets:
  kernel: { file: kernel }
  motd: { file: motd }
profiles:
  sun: { bsd: { loader: kernel, root: { netbsd: kernel, etc/motd: motd }, rootPath: /srv/nfs } }
machines:
  sun1: { mac: "${CLIENT_MAC}", ip: ${ADDRESS}, profile: sun }
  sun2: { mac: "52:54:00:77:00:98", ip: 192.168.77.32, profile: sun }
${sections}`;
}
