import { describe, expect, it } from "vitest";
import { isDomain, searchDomains } from "../../../../agent/discovery/resolv-conf.ts";
import { browseUnicast, type DnsResolver } from "../../../../agent/discovery/unicast.ts";

const NONE: Error = Object.assign(new Error("queryX ENOTFOUND"), { code: "ENOTFOUND" });

type Answers = Readonly<Record<string, unknown>>;

/** Answers by "TYPE name"; what is not there does not exist. */
function resolver(answers: Answers): DnsResolver {
  const ask = (type: string) => (name: string) =>
    `${type} ${name}` in answers
      ? Promise.resolve(answers[`${type} ${name}`])
      : Promise.reject(NONE);
  return {
    resolvePtr: ask("PTR"),
    resolveSrv: ask("SRV"),
    resolveTxt: ask("TXT"),
    resolve4: ask("A"),
    resolve6: ask("AAAA"),
    cancel: () => undefined,
  } as unknown as DnsResolver;
}

const TYPE = "_pilotlight-config._tcp";
const ZONE: Answers = {
  [`PTR ${TYPE}.example.org`]: [`Boot\\032config.${TYPE}.example.org`, `gone.${TYPE}.example.org`],
  [`SRV Boot\\032config.${TYPE}.example.org`]: [
    { name: "b.example.org", port: 2, priority: 20, weight: 0 },
    { name: "a.example.org", port: 7459, priority: 10, weight: 5 },
  ],
  [`TXT Boot\\032config.${TYPE}.example.org`]: [["txtvers=1", "path=/v1/bundle"]],
  "A a.example.org": ["192.0.2.1"],
  "AAAA a.example.org": ["2001:db8::1"],
};

describe("DNS-SD by unicast", () => {
  it("follows PTR, SRV, TXT and addresses; the lowest priority is meant", async () => {
    expect(await browseUnicast(TYPE, "example.org", resolver(ZONE))).toEqual([
      {
        instance: "Boot config",
        host: "a.example.org",
        port: 7459,
        txt: new Map([
          ["txtvers", "1"],
          ["path", "/v1/bundle"],
        ]),
        addresses: ["192.0.2.1", "2001:db8::1"],
        interface: undefined,
      },
    ]);
  });

  it("a domain without any has none", async () => {
    expect(await browseUnicast(TYPE, "example.net", resolver({}))).toEqual([]);
  });

  it("a server that does not answer is told", async () => {
    const failed = Object.assign(new Error("queryPtr ETIMEOUT"), { code: "ETIMEOUT" });
    const silent = { ...resolver({}), resolvePtr: () => Promise.reject(failed) };
    await expect(browseUnicast(TYPE, "example.net", silent)).rejects.toThrow("ETIMEOUT");
  });

  it("names of other services and domains, and more than 64 instances, are not followed", async () => {
    const names = Array.from({ length: 500 }, (_, i) => `i${i}.${TYPE}.example.org`);
    let asked = 0;
    const many = {
      ...resolver({ [`PTR ${TYPE}.example.org`]: ["evil.example.net", ...names] }),
      resolveSrv: () => {
        asked += 1;
        return Promise.reject(NONE);
      },
    };
    expect(await browseUnicast(TYPE, "example.org", many)).toEqual([]);
    expect(asked).toBe(63);
  });
});

describe("resolv.conf", () => {
  it.each([
    [
      "search example.org lab.example.org.\nnameserver 192.0.2.1",
      ["example.org", "lab.example.org"],
    ],
    ["domain a.example\nsearch b.example", ["b.example"]],
    ["search . local x.local", []],
    ["search EXAMPLE.org example.ORG", ["example.org"]],
    ["nameserver 192.0.2.1", []],
    ["search a b c d e f g h", ["a", "b", "c", "d", "e", "f"]],
  ])("%j: %j", (text, domains) => {
    expect(searchDomains(text)).toEqual(domains);
  });

  it.each(["", "-a.example", "a..b", "a b", `${"a".repeat(250)}.example`])(
    "%j is no domain",
    (text) => {
      expect(isDomain(text)).toBe(false);
    },
  );
});
