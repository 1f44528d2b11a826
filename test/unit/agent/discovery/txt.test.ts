import { describe, expect, it } from "vitest";
import type { FoundService } from "../../../../agent/discovery/mdns/browser.ts";
import { readTxt, txtRdata } from "../../../../agent/discovery/mdns/txt-strings.ts";
import type { Announcement } from "../../../../agent/discovery/services.ts";
import { agentOf, agentTxt, configServerOf, configTxt } from "../../../../agent/discovery/txt.ts";

const ID = "k7xqm2ab".padEnd(52, "a");
const ANNOUNCEMENT: Announcement = {
  name: "rack7",
  board: "raspberry-pi-4",
  version: "0.1.0",
  site: "cellar",
  state: "serving",
  port: 7458,
  fingerprint: ID,
};

function service(txt: ReadonlyMap<string, string>, more: Partial<FoundService> = {}): FoundService {
  return {
    instance: "rack7",
    host: "h.local",
    port: 7458,
    txt,
    addresses: ["10.9.0.1"],
    interface: "eth0",
    ...more,
  };
}

describe("an agent's texts", () => {
  it("say what docs/protocols/mdns.md lists", () => {
    expect([...readTxt(agentTxt(ANNOUNCEMENT))]).toEqual([
      ["txtvers", "1"],
      ["id", ID],
      ["state", "serving"],
      ["proto", "1"],
      ["board", "raspberry-pi-4"],
      ["ver", "0.1.0"],
      ["site", "cellar"],
    ]);
  });

  it("come back as the agent that they are of", () => {
    const { name, ...rest } = ANNOUNCEMENT;
    expect(agentOf(service(readTxt(agentTxt(ANNOUNCEMENT))))).toEqual({
      ...rest,
      name,
      instance: "rack7",
      addresses: ["10.9.0.1"],
      interface: "eth0",
    });
    const bare = { ...ANNOUNCEMENT, site: undefined };
    expect(agentOf(service(readTxt(agentTxt(bare))))?.site).toBeUndefined();
  });

  it("fit into 400 octets, however long the names are: one datagram has them all", () => {
    const long = {
      ...ANNOUNCEMENT,
      site: "x".repeat(500),
      board: "ü".repeat(500),
      version: "9".repeat(99),
    };
    expect(txtRdata(agentTxt(long)).length).toBeLessThan(400);
  });

  it.each<[string, Record<string, string>, Partial<FoundService>]>([
    ["no fingerprint", { id: "" }, {}],
    ["a short fingerprint", { id: "k7xq" }, {}],
    ["a fingerprint of other letters", { id: "K7XQM2AB".padEnd(52, "A") }, {}],
    ["an unknown state", { state: "happy" }, {}],
    ["port 0", {}, { port: 0 }],
    ["no address", {}, { addresses: [] }],
  ])("with %s it is no agent", (_, values, more) => {
    const txt = new Map([...readTxt(agentTxt(ANNOUNCEMENT)), ...Object.entries(values)]);
    expect(agentOf(service(txt, more))).toBeUndefined();
  });
});

describe("a configuration server's texts", () => {
  const announcement = { name: "eva", port: 7459, path: "/v1/bundle", fingerprint: ID };

  it("come back", () => {
    expect(configServerOf(service(readTxt(configTxt(announcement)), { port: 7459 }))).toEqual({
      instance: "rack7",
      addresses: ["10.9.0.1"],
      port: 7459,
      path: "/v1/bundle",
      fingerprint: ID,
      interface: "eth0",
    });
  });

  it.each(["//evil.example/x", "v1", "/a?b=c", "/a#b", "/a b", `/${"x".repeat(300)}`, "/\\x"])(
    "the path %j is none",
    (path) => {
      const txt = new Map([...readTxt(configTxt(announcement)), ["path", path]]);
      expect(configServerOf(service(txt))).toBeUndefined();
    },
  );
});
