import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { browseFor } from "../../../../../agent/cli/steer/parts.ts";
import { askSecret } from "../../../../../agent/cli/steer/terminal.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";

/** A terminal at which somebody types. */
class Terminal extends PassThrough {
  readonly isTTY = true;
  raw = false;
  shown = "";

  setRawMode(raw: boolean): this {
    this.raw = raw;
    return this;
  }
}

async function typed(...pieces: readonly (string | Buffer)[]): Promise<{
  readonly answer: string | undefined;
  readonly shown: string;
  readonly raw: boolean;
}> {
  const terminal = new Terminal();
  let shown = "";
  const output = {
    isTTY: true,
    write: (text: string) => {
      shown += text;
    },
  };
  const asking = askSecret(terminal as never, output, "Passphrase: ");
  expect(terminal.raw).toBe(true);
  for (const piece of pieces) terminal.write(piece);
  return { answer: await asking, shown, raw: terminal.raw };
}

describe("askSecret", () => {
  it.each([
    ["a line", ["open sesame\r"], "open sesame"],
    ["single keys, with one taken back", ["o", "x", "\x7f", "k", "\n"], "ok"],
    ["a character in two pieces", [Buffer.from([0xc3]), Buffer.from([0xbc, 0x0d])], "ü"],
    ["no line end of the other kind after it", ["a\r\n"], "a"],
    ["nothing", ["\r"], ""],
    ["Ctrl-C", ["half\x03"], undefined],
    ["Ctrl-D at the beginning", ["\x04"], undefined],
    ["keys that are no text", ["a\x1bb\r"], "ab"],
  ])("takes %s", async (_, pieces, answer) => {
    const said = await typed(...pieces);
    expect(said).toEqual({ answer, shown: "Passphrase: \n", raw: false });
  });

  it("asks nobody where there is no terminal", async () => {
    const quiet = { write: () => expect.unreachable() };
    expect(await askSecret(new PassThrough() as never, quiet, "?")).toBeUndefined();
  });
});

describe("browseFor", () => {
  it("ends when the time is over, also where there is nothing to ask on", async () => {
    const clock = new FakeClock();
    const browse = browseFor({
      links: () => [],
      openLane: () => expect.unreachable(),
      clock,
      random: () => 0,
      counters: { add: () => undefined },
    });
    let found: unknown;
    void browse(3_000, () => false).then((all) => {
      found = all;
    });
    clock.advance(2_999);
    await settle();
    expect(found).toBeUndefined();
    clock.advance(1);
    await settle();
    expect(found).toEqual([]);
  });
});
