import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { flatten } from "../../../../agent/replay/compare.ts";
import type { Exchange } from "../../../../agent/replay/exchange.ts";
import { fieldOf, type ReplayMessage } from "../../../../agent/replay/message.ts";
import { exchangeJson, Summary, TextReport, verdictOf } from "../../../../agent/replay/report.ts";
import { loadSite } from "../../../../agent/site/load.ts";
import { goldenSite, replayGolden } from "../../../golden/replay/rack.ts";
import { ip } from "../../../support/test-site.ts";

function ofProtocol(exchanges: readonly Exchange[], protocol: string): readonly Exchange[] {
  return exchanges.filter(({ request }) => request.protocol === protocol);
}

function typeOf(m: ReplayMessage): unknown {
  return fieldOf(m, "messageType");
}

function differences(exchanges: readonly Exchange[]): string[] {
  return exchanges.flatMap((e) => e.differences.map((d) => `${e.request.frame} ${d.field}`));
}

describe("Replay", { timeout: 30_000 }, () => {
  it("stands in for a server of another address", async () => {
    const moved = goldenSite((text) => text.replace("192.168.77.1/24", "192.168.77.5/24"));
    for (const capture of ["slof-dhcp-tftp", "uboot-nfs-v2", "linux-rarp-nfsroot-v2-udp"]) {
      const { exchanges } = await replayGolden(capture, moved, [ip("192.168.77.1")]);
      const { exchanges: same } = await replayGolden(capture);
      expect(differences(exchanges)).toEqual(differences(same));
      expect(exchanges.map(verdictOf)).toEqual(same.map(verdictOf));
    }
  });

  it("has a client take the address of a pool that we offered, at once", async () => {
    const site = goldenSite((text) =>
      text
        .replace(/^machines:[\s\S]*/m, "unknown: { all: { profile: slof } }\n")
        .replace("  router:", "  pool: 192.168.77.100-192.168.77.109\n  router:"),
    );
    const { exchanges } = await replayGolden("slof-dhcp-tftp", site);
    const told = ofProtocol(exchanges, "dhcp").map(({ ours }) => ours.map((m) => m.fields));
    expect(told).toMatchObject([
      [{ messageType: 2, yiaddr: "192.168.77.100" }],
      [{ messageType: 5, yiaddr: "192.168.77.100" }],
    ]);
  });

  it("answers an INFORM, not the RELEASE before it with the same xid", async () => {
    const site = goldenSite((text) => text.replace("192.168.77.99", "192.168.77.50"));
    const { exchanges } = await replayGolden("user-dhcp-clients", site);
    const [release, inform] = ofProtocol(exchanges, "dhcp").slice(-2);
    expect([release && typeOf(release.request), release?.ours]).toEqual([7, []]);
    expect(inform && typeOf(inform.request)).toBe(8);
    expect(inform?.ours.map(typeOf)).toEqual([5]);
    expect(inform?.recorded.map(typeOf)).toEqual([5]);
  });

  it("finds the servers that speak when the named one does not", async () => {
    const moved = goldenSite((text) => text.replace("192.168.77.1/24", "192.168.77.5/24"));
    const { replay } = await replayGolden("slof-dhcp-tftp", moved);
    expect(replay.serverSpoke).toBe(false);
    expect([...replay.others.keys()]).toEqual(["192.168.77.1"]);
  });

  it("says that a machine is not of the site, each time it asks", async () => {
    const site = goldenSite((text) => text.replace(/^ {2}slof: \{ mac.*\n/m, ""));
    const { exchanges } = await replayGolden("slof-dhcp-tftp", site);
    expect(exchanges.length).toBe(5);
    for (const { why, ours } of exchanges.slice(0, 2)) {
      expect(why).toContain("not a machine of this site");
      expect(ours).toEqual([]);
    }
    expect(verdictOf(exchanges[0] as Exchange)).toBe("we silent");
  });

  it("says why a file is refused", async () => {
    const site = goldenSite((text) =>
      text.replaceAll("of.fth: forth", "other: forth").replace("boot: of.fth", "boot: other"),
    );
    const { exchanges } = await replayGolden("slof-bootp-tftp", site);
    const [read] = ofProtocol(exchanges, "tftp");
    expect(read?.why).toContain('no file "of.fth"');
    expect(read?.differences.map((d) => d.field)).toContain("opcode");
    expect(ofProtocol(exchanges, "tftp").at(-1)?.why).toMatch(/transfer/);
  });

  it("tells acknowledgements behind our shorter file as what they are", async () => {
    const site = goldenSite((text) => text.replace("{ file: blob.bin }", "{ file: boot.ipxe }"));
    const { exchanges } = await replayGolden("uboot-dhcp-tftp", site);
    const acks = ofProtocol(exchanges, "tftp").slice(1);
    expect(acks[0]?.differences.map((d) => d.field)).toContain("content (dataLength)");
    expect(acks.at(-1)?.why).toBe("our transfer is over");
  });

  it("brings a transfer to where the capture goes on", async () => {
    // The capture lacks the middle of it: our transfer is at the recorded block all the same, and ends with the last ACK.
    const { exchanges } = await replayGolden("uboot-dhcp-tftp");
    const acks = ofProtocol(exchanges, "tftp");
    const last = acks.at(-2);
    const ours = last?.ours[0] && flatten(last.ours[0]);
    const recorded = last?.recorded[0] && flatten(last.recorded[0]);
    expect(ours?.get("block")).toBe(recorded?.get("block"));
    expect(ours?.get("dataLength")).toBe(recorded?.get("dataLength"));
    expect(acks.at(-1)?.why).toBe("uboot1 has this file");
  });

  it("translates file handles, so that every file of the root is found", async () => {
    const { exchanges } = await replayGolden("uboot-nfs-v2");
    const reads = ofProtocol(exchanges, "nfs");
    expect(reads.length).toBe(4);
    for (const { ours } of reads.slice(0, -1))
      expect(ours[0] && flatten(ours[0]).get("status")).toBe(0);
    expect(differences(reads).filter((d) => d.includes("fhandle"))).toEqual([]);
  });

  it("tells that content differs once a transfer", async () => {
    const { exchanges } = await replayGolden("ovmf-pxe-ipxe-http");
    expect(differences(exchanges).filter((d) => d.includes("content")).length).toBe(1);
  });
});

describe("the report", () => {
  it("is one JSON object a request, and a summary", async () => {
    const { exchanges } = await replayGolden("slof-dhcp-tftp");
    const summary = new Summary();
    for (const exchange of exchanges) {
      summary.add(exchange);
      const line = JSON.parse(exchangeJson(exchange)) as Record<string, unknown>;
      expect(Object.keys(line).slice(0, 9)).toEqual([
        "frame",
        "time",
        "protocol",
        "from",
        "request",
        "ours",
        "why",
        "recorded",
        "differences",
      ]);
    }
    expect(JSON.parse(summary.json())).toEqual({
      summary: {
        requests: 5,
        same: 3,
        different: 2,
        weSilent: 0,
        theySilent: 0,
        protocols: {
          dhcp: { requests: 2, same: 0, different: 2, weSilent: 0, theySilent: 0 },
          tftp: { requests: 3, same: 3, different: 0, weSilent: 0, theySilent: 0 },
        },
      },
    });
  });

  it("is readable as text", async () => {
    const site = goldenSite();
    const { exchanges } = await replayGolden("slof-dhcp-tftp", site);
    const report = new TextReport(await loadSite(site));
    const text = exchanges.map((e) => report.exchange(e)).join("") + report.end();
    const expected = new URL("../../../golden/replay/slof-dhcp-tftp.txt", import.meta.url);
    expect(text).toBe(readFileSync(expected, "utf8"));
  });
});
