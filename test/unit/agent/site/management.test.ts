import { describe, expect, it } from "vitest";
import { HEAD, table } from "./problem-table.ts";
import { read, site } from "./site-text.ts";

const management = (text: string): string => `${HEAD}management: { ${text} }\n`;

describe("management", () => {
  it("is open to read on the rack's interface where the site says nothing", () => {
    expect(site(HEAD).management).toEqual({ read: "open" });
  });

  it.each([
    ["interfaces: [eth0, wlan0]", { read: "open", interfaces: ["eth0", "wlan0"] }],
    ["interfaces: eth0, read: signed", { read: "signed", interfaces: ["eth0"] }],
    ["interfaces: [eth0, eth0]", { read: "open", interfaces: ["eth0"] }],
    ["interfaces: none", { read: "open", interfaces: [] }],
    ["read: token, token: { env: T }", { read: "token", token: { kind: "env", variable: "T" } }],
    [
      "read: token, token: { file: t }",
      { read: "token", token: { kind: "file", file: "/rack/t" } },
    ],
  ])("takes %s", (text, want) => {
    expect(site(management(text)).management).toEqual(want);
  });

  it("does not show a token that is written out", () => {
    for (const text of ["token: hunter2", "token: { env: hunter-2 }", '"token:hunter2": x']) {
      const shown = JSON.stringify(read(management(`read: token, ${text}`)).problems);
      expect(shown).toContain("management");
      expect(shown).not.toContain("hunter");
    }
  });
});

table("mistakes in management", [
  [
    "an unknown policy",
    management("read: opne"),
    '3:21 "opne" is not a way to let read / did you mean "open"?',
  ],
  [
    "an interface that is none",
    management("interfaces: [eth0/1]"),
    '3:28 "eth0/1" is not a network interface / write a name as "ip link" shows it: eth0',
  ],
  [
    "none beside others",
    management("interfaces: [eth0, none]"),
    '3:34 "none" stands beside interfaces / keep either the word or the interfaces',
  ],
  [
    "a token that nobody is asked for",
    management("token: { env: T }"),
    "3:15 the token in management is of no use with read: open / write read: token, or remove the token",
  ],
  [
    "no token",
    management("read: token"),
    "3:1 management lets read who knows the token, and names none / add token: { env: NAME } or token: { file: PATH }",
  ],
  [
    "a token that is nowhere",
    management("read: token, token: {}"),
    '3:28 "token" does not say where the credential is / write { env: NAME } or { file: PATH }',
  ],
  [
    "a token that is written out",
    management("read: token, token: hunter2"),
    "3:35 a credential is written out here, and a site file holds none / say where it is: { env: NAME } or { file: PATH }",
  ],
  [
    "one interface by a key of its own",
    management("interface: eth0"),
    '3:15 "interface" in management is not supported by this version / write interfaces: [eth0]',
  ],
  [
    "a key that is misspelt",
    management("interfacs: [eth0]"),
    '3:15 unknown key "interfacs" in management / did you mean "interfaces"?',
  ],
]);
