import { describe, expect, it } from "vitest";
import { parseBootMedium, readBootMedium } from "../../../../agent/config/boot-medium.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const FILE = "/boot/firmware/pilotlight.yaml";

describe("the boot medium's file", () => {
  it("says name, operators, where its configuration is, and where it is steered from", () => {
    const text = [
      "name: rack7",
      "trust:",
      "  - pilotlight-ed25519 AAAA eva@laptop",
      "config: rack7.bundle",
      "management: [eth0, wlan0]",
    ].join("\n");
    expect(parseBootMedium(text, FILE)).toEqual({
      medium: {
        file: FILE,
        name: "rack7",
        trust: ["pilotlight-ed25519 AAAA eva@laptop"],
        config: "/boot/firmware/rack7.bundle",
        management: ["eth0", "wlan0"],
      },
    });
  });

  it.each([
    ["", { trust: [] }],
    ["# name: rack7\n\n", { trust: [] }],
    ["config: https://c.example/x", { trust: [], config: "https://c.example/x" }],
    ["trust: one line", { trust: ["one line"] }],
    ["management: none", { trust: [], management: [] }],
  ])("may leave out what it wants: %j", (text, want) => {
    expect(parseBootMedium(text, FILE)).toEqual({ medium: { file: FILE, ...want } });
  });

  it.each([
    [
      "nam: rack7\nconfig: x",
      /:1:1.*unknown key "nam".*did you mean "name"\?/s,
      { config: "/boot/firmware/x" },
    ],
    ["name: [a]\nmanagement: eth0", /:1:7.*"name" must be text/s, { management: ["eth0"] }],
    ["name: ' x'\n", /:1:7.*cannot be the name/s, {}],
    ["trust: [1, two]", /:1:9.*an item of "trust" is not text/s, { trust: ["two"] }],
    ["trust: { a: b }", /:1:8.*"trust" must be a list/s, {}],
    ["name: a\n name: b", /:2:2|:1:/, {}],
  ])("with mistakes tells them, and keeps what is right: %j", (text, message, want) => {
    const { medium, problem } = parseBootMedium(text, FILE);
    expect(problem?.code).toBe("E_CONFIG");
    expect(problem?.message).toMatch(message);
    expect(medium).toEqual({ file: FILE, trust: [], ...want });
  });

  it("is looked for where cards have it, and must be there when it is named", () => {
    const dir = tempDir({ "second/pilotlight.yaml": "name: b\n" });
    const places = [`${dir}/first/pilotlight.yaml`, `${dir}/second/pilotlight.yaml`];
    expect(readBootMedium(undefined, places).medium?.name).toBe("b");
    expect(readBootMedium(undefined, [`${dir}/none`])).toEqual({ medium: undefined });
    expect(() => readBootMedium(`${dir}/none`)).toThrow("cannot read");
    expect(readBootMedium(undefined, [dir]).problem?.code).toBe("E_CONFIG");
  });
});
