import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeCommand } from "../../agent/cli/decode.ts";
import { runCommand } from "../support/command-run.ts";
import { decodeToText } from "../support/pcap-text.ts";
import { CAPTURES, captureNames, capturePath, textPath } from "./captures.ts";
import { expectGolden } from "./golden-text.ts";
import { REASONS } from "./reasons.ts";

// What real clients sent and were told, beside what we make of it. `make golden` writes the texts anew.

const MAX_FILE_LEN = 60_000;
const MAX_LEN = 1_500_000;
const names = captureNames();

describe("what we decode of real clients", () => {
  it.each(names)("%s", async (name) => {
    const { text, frames, messages } = await decodeToText(capturePath(name));
    expect(new Set(messages.map((m) => m.frame)).size, "a message for every frame").toBe(frames);
    const unwell = messages
      .filter((m) => m.status !== "ok")
      .map(({ frame, status }) => ({ frame, status }));
    const explained = REASONS.filter((r) => r.capture === name);
    expect(unwell, "statuses of messages, against reasons.ts").toEqual(
      explained.map(({ frame, status }) => ({ frame, status })),
    );
    expectGolden(textPath(name), text, `${name} decodes to`);
  });
});

it("is what the command prints", async () => {
  const name = "linux-dhcp-nfsroot-v2-tcp.pcap";
  const { stdout } = await runCommand((host) =>
    decodeCommand(host).parseAsync([capturePath(name)], { from: "user" }),
  );
  expect(stdout).toBe(readFileSync(textPath(name), "utf8"));
});

describe("the captures", () => {
  it("are small", () => {
    const lengths = names.map((name) => statSync(capturePath(name)).size);
    expect(Math.max(...lengths)).toBeLessThan(MAX_FILE_LEN);
    expect(lengths.reduce((sum, len) => sum + len, 0)).toBeLessThan(MAX_LEN);
  });

  it("are described, and nothing else is", () => {
    const described = readFileSync(join(CAPTURES, "README.md"), "utf8").matchAll(/^\| `(.*?)` /gm);
    expect([...described].map((m) => m[1]).sort()).toEqual(names);
  });

  it("have their text each, and no text is left of one that is gone", () => {
    const texts = readdirSync(CAPTURES).filter((name) => name.endsWith(".txt"));
    expect(texts.sort()).toEqual(names.map((name) => basename(textPath(name))));
  });

  it("are those that reasons.ts speaks of", () => {
    expect(names).toEqual(expect.arrayContaining(REASONS.map((r) => r.capture)));
    expect(REASONS.filter((r) => r.why === "")).toEqual([]);
  });
});
