import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statusHandlers } from "../../../../agent/control/handlers/status.ts";
import type { AgentStatus } from "../../../../agent/control/messages.ts";
import { METRICS_TYPE, metricsText } from "../../../../agent/control/metrics.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { LOCALLY, testAgent } from "../../../support/agent-parts.ts";
import { Rig, ServerRig } from "../../../support/control/rig.ts";
import { SAMPLES } from "../../../support/control/samples.ts";
import { parseExposition } from "../../../support/exposition.ts";
import { FakeBeside } from "../../../support/fake-beside.ts";
import { ip } from "../../../support/test-site.ts";

const [FULL, PLAIN] = SAMPLES["status.get"].results as [AgentStatus, AgentStatus];
const LAG: ReadonlyMap<number, number> = new Map([
  [0.99, 0.012],
  [1, 0.5],
]);
const TOKEN = "s3cret";

/** Samples of a metric as "labels value". */
function samples(status: AgentStatus, name: string): readonly string[] | undefined {
  const metric = parseExposition(metricsText(status)).get(`pilotlight_${name}`);
  return metric?.samples.map(({ labels, value }) =>
    [...Object.entries(labels).map(([k, v]) => `${k}=${v}`), value].join(" "),
  );
}

describe("metrics", () => {
  it("tell all of a status that is a number", () => {
    expect(samples(FULL, "info")).toEqual([
      "name=rack-3 (2) version=0.1.0 board=raspberry-pi-zero-2-w site=attic 1",
    ]);
    expect(samples(FULL, "state")).toEqual([
      "state=unconfigured 0",
      "state=serving 0",
      "state=degraded 1",
    ]);
    expect(samples(FULL, "start_time_seconds")).toEqual([`${Date.parse(FULL.startedAt) / 1000}`]);
    expect(samples(FULL, "resident_memory_bytes")).toEqual(["104857600"]);
    expect(samples(FULL, "clock_plausible")).toEqual(["1"]);
    expect(samples(FULL, "interface_up")).toEqual([
      "interface=eth0 role=rack 0",
      "interface=wlan0 role=management 1",
    ]);
    expect([samples(FULL, "machines"), samples(FULL, "machines_booting")]).toEqual([["2"], ["1"]]);
    expect(samples(FULL, "assets")).toEqual([
      "state=cached 2",
      "state=fetching 1",
      "state=failed 1",
    ]);
    expect(samples(FULL, "cache_used_bytes")).toEqual(["5000000000"]);
    expect(samples(FULL, "cache_limit_bytes")).toEqual([`${2 ** 40}`]);
    expect(samples(FULL, "dhcp_conduct")?.filter((s) => s.endsWith("1"))).toEqual([
      "conduct=proxy 1",
    ]);
    expect(samples(FULL, "dhcp_other_servers")).toEqual(["1"]);
    expect(samples(FULL, "rejected_total")).toEqual([
      "protocol=dhcp reason=truncated 3",
      "protocol=control reason=slow header 12",
    ]);
  });

  it("tell by how much the event loop was late, once that was measured", () => {
    expect(parseExposition(metricsText(FULL)).has("pilotlight_event_loop_lag_seconds")).toBe(false);
    const text = metricsText(FULL, LAG);
    expect(text).toContain('pilotlight_event_loop_lag_seconds{quantile="0.99"} 0.012\n');
    expect(text).toContain('pilotlight_event_loop_lag_seconds{quantile="1"} 0.5\n');
  });

  it("leave out what an agent without a site has not, and have no empty one", () => {
    for (const name of ["assets", "cache_used_bytes", "dhcp_conduct", "dhcp_other_servers"]) {
      expect(samples(PLAIN, name)).toBeUndefined();
    }
    expect(metricsText(PLAIN)).not.toContain("rejected");
    expect(samples(PLAIN, "info")?.[0]).toMatch(/site= 1$/);
  });

  it("are counters where their name says so, and gauges else", () => {
    for (const [name, { type }] of parseExposition(metricsText(FULL))) {
      expect(name).toMatch(/^pilotlight_[a-z_]+$/);
      expect(type, name).toBe(name.endsWith("_total") ? "counter" : "gauge");
    }
  });

  it("are well-formed whatever an agent, a site and interfaces are called", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, other) => {
        const [rack] = FULL.interfaces;
        if (!rack) throw new Error("no interface");
        const text = metricsText({
          ...FULL,
          identity: { ...FULL.identity, name },
          interfaces: [rack, rack, { ...rack, name: other }],
          counters: { [`${other} ${name}`]: 1, [other]: 2 },
        });
        expect(parseExposition(text).get("pilotlight_info")?.samples[0]?.labels).toMatchObject({
          name,
        });
      }),
    );
  });

  it("have a row each in docs/operations.md, with type and labels", () => {
    const page = readFileSync(new URL("../../../../docs/operations.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(pilotlight_\w+)` +\| (\w+) +\| ([^|]*?) +\|/gm)];
    const told = rows.map(([, name, type, labels = ""]) => [
      name,
      type,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    ]);
    const exposed = [...parseExposition(metricsText(FULL, LAG))].map(
      ([name, { type, samples }]) => [name, type, Object.keys(samples[0]?.labels ?? {})],
    );
    expect(told).toEqual(exposed);
  });
});

describe("the status", () => {
  it("counts other servers that give addresses", async () => {
    const beside = new FakeBeside("authoritative");
    const server = { address: ip("10.0.0.9"), givesAddresses: true, firstMs: 1, lastMs: 2 };
    beside.servers = [server, { ...server, address: 1, givesAddresses: false }];
    const { parts } = await testAgent({}, { beside });
    const status = await statusHandlers(parts)["status.get"]({}, LOCALLY);
    expect(status.dhcp).toEqual({ mode: "authoritative", conduct: "all", otherServers: 1 });
    expect(samples(status, "dhcp_other_servers")).toEqual(["1"]);
  });

  it("says off where DHCP is off, and nothing without a site", async () => {
    const { parts } = await testAgent();
    const off = await statusHandlers(parts)["status.get"]({}, LOCALLY);
    expect(off.dhcp).toEqual({ mode: "off", conduct: "off", otherServers: 0 });
    const unconfigured = statusHandlers({ ...parts, running: () => undefined });
    expect(await unconfigured["status.get"]({}, LOCALLY)).not.toHaveProperty("dhcp");
  });
});

describe("GET /metrics", () => {
  it("is the status, whatever is accepted, as plain text", async () => {
    const rig = new Rig();
    for (const accept of ["", "*/*", "application/openmetrics-text;version=1.0.0", "text/html"]) {
      const { status, headers, body } = await rig.answer("/metrics", {
        channel: "plain",
        headers: { accept },
      });
      expect([status, headers["content-type"]]).toEqual([200, METRICS_TYPE]);
      const lag = /^.*pilotlight_event_loop_lag_seconds.*\n/gm; // not twice the same
      expect(body.toString().replace(lag, "")).toBe(metricsText(FULL));
    }
    expect(rig.asked[0]).toMatchObject({
      verb: "status.get",
      asked: { caller: { kind: "reader" } },
    });
  });

  it("is for whom the site lets read the status", async () => {
    const rig = new Rig({ policy: { kind: "token", token: TOKEN } });
    const ask = async (channel: "plain" | "tls" | "local", token?: string) =>
      (
        await rig.answer("/metrics", {
          channel,
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        })
      ).status;
    expect(await ask("tls")).toBe(401);
    expect(await ask("tls", "another")).toBe(401);
    expect(await ask("plain", TOKEN)).toBe(403);
    expect(await ask("tls", TOKEN)).toBe(200);
    expect(await ask("local")).toBe(200);
    rig.policy = { kind: "signed" };
    expect(await ask("tls", TOKEN)).toBe(403);
    expect(await ask("local")).toBe(200);
  });

  it("is read alone, and by no page in a browser", async () => {
    const rig = new Rig();
    const posted = await rig.answer("/metrics", { method: "POST" });
    expect([posted.status, posted.headers.allow]).toEqual([405, "GET, HEAD"]);
    const page = await rig.answer("/metrics", { headers: { origin: "http://example.org" } });
    expect(page.status).toBe(403);
    expect((await rig.answer("/v1/metrics")).status).toBe(404);
    expect((await rig.answer("/metrics/x")).status).toBe(404);
  });

  it("tells an error as every other path does", async () => {
    const busy = (): never => {
      throw new AgentError("E_BUSY", "later");
    };
    const rig = new Rig({ handlers: { "status.get": busy } });
    const { status, value } = await rig.answer("/metrics", {
      headers: { accept: "application/json" },
    });
    expect([status, value]).toMatchObject([503, { code: "E_BUSY" }]);
  });

  it("comes over the network, and its head alone by HEAD", async () => {
    const rig = await ServerRig.open();
    for (const tls of [false, true]) {
      const { status, headers, body } = await rig.ask("/metrics", { tls });
      expect([status, headers["content-type"]]).toEqual([200, METRICS_TYPE]);
      expect(parseExposition(body.toString()).size).toBeGreaterThan(10);
    }
    const head = await rig.ask("/metrics", { method: "HEAD" });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(Number(head.headers["content-length"])).toBeGreaterThan(1000);
  });
});
