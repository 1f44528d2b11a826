import { describe, expect, it } from "vitest";
import { ImageTree } from "../../../../../../agent/assets/trees/image/image-tree.ts";
import { ChunkedContent, tar } from "../../../../../support/archive-octets.ts";
import { FakeSlot } from "../../../../../support/fake-slots.ts";
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

  it("stays above the version that the machine has mounted until it mounts anew", async () => {
    const version = (letter: string, text: string): ChunkedContent =>
      new ChunkedContent(
        tar({ name: "etc/rc", text }, { name: "etc/fstab", text }),
        letter.repeat(64),
      );
    const slot = new FakeSlot("root", version("a", "old"));
    const o = await overlay({}, new ImageTree(slot));
    expect(await ok(o.tree.mountPoint())).toBe(o.tree.root);
    await ok(o.files.write("etc/fstab", 3, Buffer.from(" but mine")));
    slot.become(version("b", "new"));
    expect(await o.text("etc/rc")).toBe("old");
    expect(await ok(o.tree.mountPoint())).toBe(o.tree.root);
    expect(await o.text("etc/rc")).toBe("new");
    expect(await o.text("etc/fstab")).toBe("old but mine");
  });
});
