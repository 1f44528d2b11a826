import { describe, expect, it } from "vitest";
import { tar } from "../../../../../support/archive-octets.ts";
import { treeOf } from "../image/walk.ts";
import { ok, overlay } from "./fixture.ts";

describe("an overlay above an image", () => {
  it("copies a file that begins within a chunk, and one of several chunks", async () => {
    const long = "abcdefghij".repeat(20_000);
    const { tree } = treeOf(
      tar(
        { name: "first", text: "one" },
        { name: "second", text: "two\n" },
        { name: "third", text: long },
      ),
    );
    const o = await overlay({}, tree);
    await ok(o.files.write("second", 4, Buffer.from("more\n")));
    await ok(o.files.write("third", 200_000, Buffer.from("end")));
    expect(await o.text("second")).toBe("two\nmore\n");
    expect(await o.text("third")).toBe(`${long}end`);
    expect(await o.text("first")).toBe("one");
    await o.reopen();
    expect(await o.text("second")).toBe("two\nmore\n");
  });
});
