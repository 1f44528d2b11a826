import { execFileSync } from "node:child_process";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NET } from "../support/boot-site.ts";
import { Namespace } from "../support/netns.ts";
import { RackChild } from "../support/rack-child.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

// What the agent captures, read by tshark and tcpdump; its magic packets, as tshark understands them.

let inside: Namespace;
let outside: Namespace;
let child: RackChild;
let stateDir: string;

beforeEach(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create(inside);
  inside.connect(NET.rack, outside, "rack");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  stateDir = tempDir();
  child = await RackChild.open(inside, stateDir);
});

afterEach(async () => {
  await child.close();
  await outside.close();
  await inside.close();
});

it("a capture of magic packets is read by tshark and tcpdump", async () => {
  const { id } = await child.start("ether proto 0x0842 or udp port 9");
  await child.wake(NET.v100.mac);
  let packets = 0;
  await until("six packets", () => {
    void child.list().then(([capture]) => {
      packets = capture?.packets ?? 0;
    });
    return packets === 6;
  });
  await child.stop(id);
  const file = path.join(stateDir, "captures", `${id}.pcap`);
  const fields = ["frame.time_epoch", "wol.mac", "udp.dstport"].flatMap((name) => ["-e", name]);
  const rows = tshark("-r", file, "-T", "fields", ...fields);
  const seen = rows.map((row) => row.split("\t").slice(1).join(" ").trim());
  // tshark shows the address as often as it is there.
  const address = Array(16).fill(NET.v100.mac).join(",");
  const both = [address, `${address} 9`];
  expect(seen).toEqual([...both, ...both, ...both]);
  const times = rows.map((row) => Number(row.split("\t")[0]));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(Math.abs((times[0] ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  expect(tshark("-r", file, "-T", "fields", "-e", "frame.encap_type")).toEqual(Array(6).fill("1"));
  const dump = execFileSync("tcpdump", ["-n", "-r", file], { encoding: "utf8", stdio: "pipe" });
  expect(dump.match(/^\d\d:\d\d:\d\d\.\d+ /gm)).toHaveLength(6);
});

function tshark(...args: readonly string[]): string[] {
  const said = execFileSync("tshark", args, { encoding: "utf8", stdio: "pipe" });
  return said.trimEnd().split("\n");
}
