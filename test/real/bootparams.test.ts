import { basename } from "node:path";
import { describe } from "vitest";
import { startAgent } from "./support/agent.ts";
import { type Console, runGuest } from "./support/guest.ts";
import { CLIENT_MAC, type Lab, SERVER_ADDRESS } from "./support/lab.ts";
import { CALLBOOTD, NFSROOT_SUN4U } from "./support/products.ts";
import { realTest } from "./support/real-test.ts";

const ADDRESS = "192.168.77.31";
const SITE = `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
profiles:
  sun:
    linux: { root: ${NFSROOT_SUN4U}, rootPath: /srv/nfs }
machines:
  sun1: { mac: "${CLIENT_MAC}", ip: ${ADDRESS}, profile: sun }
`;

async function start(lab: Lab): Promise<void> {
  lab.address(`${ADDRESS}/24`);
  await startAgent(lab, SITE);
}

/** Broadcasting clients go on listening after the first answer, so a line of theirs ends them. */
function run(lab: Lab, command: readonly string[], until?: RegExp): Promise<Console> {
  const name = command.map((word) => basename(word)).join(" ");
  const lineByLine = ["stdbuf", "-oL", ...command];
  return runGuest(lab, { name, command: lineByLine, ...(until && { until }) });
}

describe("BOOTPARAMS and portmap", () => {
  realTest("callbootd, WHOAMI and GETFILE asked directly", async (lab) => {
    await start(lab);
    const whoami = await run(lab, [CALLBOOTD, SERVER_ADDRESS, ADDRESS]);
    whoami.shows(/^client_name:\s+sun1$/m);
    const getfile = await run(lab, [CALLBOOTD, SERVER_ADDRESS, "sun1", "root"]);
    getfile.shows(/^server_address:\s+192\.168\.77\.1$/m);
    getfile.shows(/^path:\s+\/srv\/nfs$/m);
  });

  realTest("callbootd, WHOAMI and GETFILE by broadcast", async (lab) => {
    await start(lab);
    const whoami = await run(lab, [CALLBOOTD, "all", ADDRESS], /^router:.*$/m);
    whoami.shows(/^client_name:\s+sun1$/m);
    const getfile = await run(lab, [CALLBOOTD, "all", "sun1", "root"], /^path:.*$/m);
    getfile.shows(/^server_address:\s+192\.168\.77\.1$/m);
    getfile.shows(/^path:\s+\/srv\/nfs$/m);
  });

  realTest("rpcinfo, the list and NULL calls over UDP and TCP", async (lab) => {
    await start(lab);
    const list = await run(lab, ["rpcinfo", "-p", SERVER_ADDRESS]);
    for (const registered of [
      /^ +100000 +2 +udp +111\b/m,
      /^ +100000 +2 +tcp +111\b/m,
      /^ +100003 +2 +udp +2049\b/m,
      /^ +100003 +2 +tcp +2049\b/m,
      /^ +100005 +1 +udp +\d+\b/m,
      /^ +100026 +1 +udp +\d+\b/m,
    ]) {
      list.shows(registered);
    }
    for (const [transport, program, version] of [
      ["-u", "100003", "2"],
      ["-t", "100003", "2"],
      ["-u", "100005", "1"],
      ["-t", "100005", "1"],
      ["-u", "100026", "1"],
    ] as const) {
      const answer = await run(lab, ["rpcinfo", transport, SERVER_ADDRESS, program, version]);
      answer.shows(`program ${program} version ${version} ready and waiting`);
    }
  });

  realTest("rpcinfo, a broadcast call through the portmapper", async (lab) => {
    await start(lab);
    await run(lab, ["rpcinfo", "-b", "100026", "1"], /^192\.168\.77\.1\.\d+\.\d+\s/m);
  });
});
