import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "vitest";
import { launchAgent, startAgent, stopAgent } from "../support/agent.ts";
import type { Child } from "../support/child.ts";
import { type Console, runGuest } from "../support/guest.ts";
import { type Lab, SERVER_ADDRESS } from "../support/lab.ts";
import { CALLBOOTD } from "../support/products.ts";
import { realTest } from "../support/real-test.ts";
import { ADDRESS, rpcSite } from "./rpc-site.ts";

/** As rpcbind.socket has them: systemd lets others bind beside its sockets. */
const SYSTEMD = `use Socket; $^F = 9;
my @kinds = (SOCK_STREAM, SOCK_DGRAM); my @s;
for (@kinds) {
  socket(my $s, PF_INET, $_, 0) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1) or die;
  bind($s, sockaddr_in(111, INADDR_ANY)) or die "bind: $!"; push @s, $s;
}
listen($s[0], 64) or die;
die "descriptors" if fileno($s[0]) != 3 || fileno($s[1]) != 4;
$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 2; exec @ARGV or die "$!";`;

interface RpcbindOptions {
  readonly options?: readonly string[];
  readonly systemd?: boolean;
}

/** Debian's rpcbind in the agent's namespace, with a /run of its own. */
async function startRpcbind(lab: Lab, { options = [], systemd }: RpcbindOptions): Promise<Child> {
  const run = 'mount -t tmpfs run /run && mkdir -p /run/rpcbind && exec "$@"';
  const opener = systemd ? ["perl", "-e", SYSTEMD] : [];
  const command = ["sh", "-c", run, "sh", ...opener, "rpcbind", "-f", ...options];
  const rpcbind = lab.startIn(lab.server, command, "rpcbind.log");
  for (let i = 0; i < 100; i++) {
    if (await answers(lab, ["rpcinfo", "-p", "127.0.0.1"], /portmapper/)) return rpcbind;
    await sleep(100);
  }
  throw new Error(`rpcbind does not answer:\n${rpcbind.tail()}`);
}

/** Whether a command in the agent's namespace shows this. */
async function answers(lab: Lab, command: readonly string[], shown: RegExp): Promise<boolean> {
  const child = lab.startIn(lab.server, command, "asked.log");
  await child.exited;
  return shown.test(child.text);
}

async function eventually(lab: Lab, command: readonly string[], shown: RegExp): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await answers(lab, command, shown)) return;
    await sleep(1_000);
  }
  throw new Error(`${command.join(" ")} never showed ${shown}`);
}

function run(lab: Lab, command: readonly string[], until?: RegExp): Promise<Console> {
  const name = command
    .join(" ")
    .replace(/[^\w.]+/g, "-")
    .slice(0, 60);
  return runGuest(lab, { name, command: ["stdbuf", "-oL", ...command], ...(until && { until }) });
}

const LOCAL = ["rpcinfo", "-p", "127.0.0.1"];
const OURS = [
  /^ +100003 +2 +udp +2049\b/m,
  /^ +100003 +2 +tcp +2049\b/m,
  /^ +100005 +1 +udp +635\b/m,
  /^ +100005 +2 +tcp +635\b/m,
  /^ +100026 +1 +udp +636\b/m,
] as const;

describe("rpcbind", () => {
  realTest("rpcbind has port 111, and machines find us by it", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    await startRpcbind(lab, { options: ["-w"] });
    const agent = await launchAgent(lab, rpcSite(lab));
    const list = await run(lab, ["rpcinfo", "-p", SERVER_ADDRESS]);
    for (const line of [...OURS, /^ +100000 +4 +tcp +111\b/m]) list.shows(line);
    (await run(lab, ["showmount", "-e", SERVER_ADDRESS])).shows(/^\/srv\/nfs +192\.168\.77\.31$/m);
    for (const [over, prog, vers] of [
      ["-u", "100003", "2"],
      ["-t", "100003", "2"],
      ["-t", "100005", "1"],
    ] as const) {
      const answer = await run(lab, ["rpcinfo", over, SERVER_ADDRESS, prog, vers]);
      answer.shows("ready and waiting");
    }
    // rpcbind opened its sockets itself: it keeps broadcasts, and forwards none.
    if (!/does not pass on broadcast calls|broadcasts get no answer/.test(agent.text)) {
      throw new Error(`the agent does not say what cannot work:\n${agent.tail()}`);
    }
    await stopAgent(agent);
    if (await answers(lab, LOCAL, /100005/)) throw new Error("MOUNT is still registered");
  });

  realTest("rpcbind by systemd's socket, and broadcasts reach us beside it", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    await startRpcbind(lab, { options: ["-w"], systemd: true });
    await startAgent(lab, rpcSite(lab));
    const whoami = await run(lab, [CALLBOOTD, "all", ADDRESS], /^router:.*$/m);
    whoami.shows(/^client_name:\s+sun1$/m);
    await run(lab, ["rpcinfo", "-b", "100026", "1"], /^192\.168\.77\.1\.\d+\.\d+\s/m);
  });

  realTest("rpcbind -r passes broadcasts on to us", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    await startRpcbind(lab, { options: ["-r"] });
    await startAgent(lab, rpcSite(lab));
    const whoami = await run(lab, [CALLBOOTD, "all", ADDRESS], /^router:.*$/m);
    whoami.shows(/^client_name:\s+sun1$/m);
    const getfile = await run(lab, [CALLBOOTD, "all", "sun1", "root"], /^path:.*$/m);
    getfile.shows(/^path:\s+\/srv\/nfs$/m);
  });

  realTest("rpcbind is restarted, goes, and we stay to be found", async (lab) => {
    lab.address(`${ADDRESS}/24`);
    const first = await startRpcbind(lab, {});
    await startAgent(lab, rpcSite(lab));
    await first.stop("SIGTERM");
    const second = await startRpcbind(lab, {});
    await eventually(lab, LOCAL, /100005 +1 +udp +635/);
    await second.stop("SIGTERM");
    // Nobody has port 111 now: after a while it is ours.
    for (let i = 0; ; i++) {
      const list = await run(lab, ["sh", "-c", `rpcinfo -p ${SERVER_ADDRESS} || true`]);
      try {
        for (const line of OURS) list.shows(line);
        return;
      } catch (error) {
        if (i === 90) throw error;
        await sleep(1_000);
      }
    }
  });
});
