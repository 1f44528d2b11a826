import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Namespace } from "../../support/netns.ts";
import { until } from "../../support/until.ts";

const SCRIPT: string = fileURLToPath(new URL("../../support/inform.mjs", import.meta.url));
const URL_TEXT = "https://config.example.org/v1/bundle";

let agent: Namespace;
let server: Namespace;

beforeAll(async () => {
  agent = await Namespace.create();
  server = await Namespace.create(agent);
  agent.connect("eth0", server, "eth0");
  agent.run("ip", "addr", "add", "10.9.0.5/24", "dev", "eth0");
  server.run("ip", "addr", "add", "10.9.0.1/24", "dev", "eth0");
});

afterAll(async () => {
  await Promise.all([agent?.close(), server?.close()]);
});

/** dnsmasq, as the DHCP server of a network; resolves when it serves. */
async function dnsmasq(...options: readonly string[]): Promise<void> {
  const fixed = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"];
  const lease = ["--dhcp-range=10.9.0.100,10.9.0.200", "--leasefile-ro", "--log-facility=-"];
  const child = server.spawn("dnsmasq", ...fixed, ...lease, ...options);
  onTestFinished(() => void child.kill());
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  await until(
    () => `dnsmasq to serve: ${said}`,
    () => said.includes("DHCP, IP range") || said.includes("DHCP, sockets bound"),
  );
}

function ask(): unknown {
  return JSON.parse(agent.run(process.execPath, SCRIPT, "eth0"));
}

describe("DHCP option 224 of dnsmasq", () => {
  it("is learnt by DHCPINFORM", async () => {
    await dnsmasq(`--dhcp-option=224,${URL_TEXT}`);
    expect(ask()).toEqual({ url: URL_TEXT });
  });

  it("is none where the server has none", async () => {
    await dnsmasq();
    expect(ask()).toEqual({ url: null });
  });
});
