import { describe } from "vitest";
import { startAgent } from "../support/agent.ts";
import { type Console, runGuest } from "../support/guest.ts";
import { type Lab, SERVER_ADDRESS } from "../support/lab.ts";
import { realTest } from "../support/real-test.ts";
import { ADDRESS, rpcSite } from "./rpc-site.ts";

function run(lab: Lab, command: readonly string[], until?: RegExp): Promise<Console> {
  const name = command
    .join(" ")
    .replace(/[^\w.]+/g, "-")
    .slice(0, 60);
  return runGuest(lab, { name, command: ["stdbuf", "-oL", ...command], ...(until && { until }) });
}

/** nmap's scripts find their programs by portmap on TCP 111. Its NFS library is asked for version 2 by arguments. */
function nmap(lab: Lab, script: string, args?: string): Promise<Console> {
  const command = ["nmap", "-n", "-Pn", "-p", "111", "--script", script];
  return run(lab, [...command, ...(args ? ["--script-args", args] : []), SERVER_ADDRESS]);
}

async function start(lab: Lab): Promise<void> {
  lab.address(`${ADDRESS}/24`);
  await startAgent(lab, rpcSite(lab));
}

describe("people's clients of RPC", () => {
  realTest("nmap lists programs, exports and files by NFS version 2", async (lab) => {
    await start(lab);
    const info = await nmap(lab, "rpcinfo");
    info.shows(/100003 +2 +2049\/tcp +nfs/);
    info.shows(/100005 +1,2 +635\/udp +mountd/);
    (await nmap(lab, "nfs-showmount")).shows(/\/srv\/nfs 192\.168\.77\.31/);
    const files = await nmap(lab, "nfs-ls", "nfs.version=2,mount.version=1");
    for (const line of [/Volume \/srv\/nfs$/m, /-r--r--r-- .* 35 .* netbsd$/m, / etc$/m]) {
      files.shows(line);
    }
    // Not asked for a version, it takes the highest that the port mapper has.
    (await nmap(lab, "nfs-ls")).shows(/-r--r--r-- .* 35 .* netbsd$/m);
  });

  realTest("showmount steps down to the versions that there are", async (lab) => {
    await start(lab);
    const exported = /^\/srv\/nfs 192\.168\.77\.31$/m;
    (await run(lab, ["showmount", "-e", SERVER_ADDRESS])).shows(exported);
    // Nobody has mounted anything yet.
    (await run(lab, ["showmount", "-a", SERVER_ADDRESS])).lacks("sun1");
    await nmap(lab, "nfs-ls", "nfs.version=2,mount.version=1");
    const client = ["python3", "-c", MOUNT_BY_UDP, SERVER_ADDRESS, "/srv/nfs/etc"];
    (await run(lab, client)).shows("status 0");
    (await run(lab, ["showmount", "-a", SERVER_ADDRESS])).shows("sun1:/srv/nfs/etc");
    (await run(lab, ["showmount", "-d", SERVER_ADDRESS])).shows("/srv/nfs/etc");
  });

  realTest("rpcinfo asks NFS 2, and is told of it where it asks for 3", async (lab) => {
    await start(lab);
    for (const over of ["-u", "-t"]) {
      const answer = await run(lab, ["rpcinfo", over, SERVER_ADDRESS, "nfs", "2"]);
      answer.shows("program 100003 version 2 ready and waiting");
      const other = ["sh", "-c", `rpcinfo ${over} ${SERVER_ADDRESS} nfs 3 2>&1 || true`];
      (await run(lab, other)).shows(/low version = 2, high version = 2/);
    }
    await run(lab, ["rpcinfo", "-b", "nfs", "2"], /^192\.168\.77\.1\.\d+\.\d+\s/m);
  });

  realTest("another card with a machine's address mounts nothing", async (lab) => {
    await start(lab);
    // sun2 has another card than the bridge, which takes its address here.
    lab.address("192.168.77.32/24");
    const mount = (from: string): Promise<Console> =>
      run(lab, ["python3", "-c", MOUNT_BY_UDP, SERVER_ADDRESS, "/srv/nfs", from]);
    (await mount("192.168.77.32")).shows("status 13");
    (await mount(ADDRESS)).shows("status 0");
  });
});

/** MNT by version 1 over UDP: server, path, and the address to send from. */
const MOUNT_BY_UDP = `
import socket, struct, sys
server, path, *source = sys.argv[1:]
path = path.encode()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.bind((source[0] if source else "", 1011))
call = struct.pack(">10I", 5, 0, 2, 100005, 1, 1, 0, 0, 0, 0)
s.sendto(call + struct.pack(">I", len(path)) + path + b"\\0" * (-len(path) % 4), (server, 635))
print("status", struct.unpack(">I", s.recv(2000)[24:28])[0])
`;
