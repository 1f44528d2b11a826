import { describe, expect, it } from "vitest";
import { openLayerFile } from "../../../../../agent/assets/stores/oci-layer-file.ts";
import type { Descriptor } from "../../../../../agent/assets/stores/oci-manifest.ts";
import {
  BlobBox,
  collected,
  MemoryRepository,
  type TarEntry,
  tarGzOf,
  tarOf,
} from "../../../../support/oci-images.ts";
import { pattern } from "../../../../support/test-site.ts";

const BIG = pattern(300_000);

interface Image {
  readonly box: BlobBox;
  readonly repository: MemoryRepository;
  readonly layers: readonly Descriptor[];
}

/** Layers from the lowest to the uppermost. */
async function imageOf(...layers: readonly (readonly TarEntry[])[]): Promise<Image> {
  const box = new BlobBox();
  const made: Descriptor[] = [];
  for (const entries of layers) made.push(await box.layer(entries));
  return { box, repository: new MemoryRepository(box), layers: made };
}

async function read({ repository, layers }: Image, path: string): Promise<Buffer> {
  const { signal } = new AbortController();
  const file = await openLayerFile(repository, layers, path, { signal });
  const octets = await collected(file.octets);
  expect(octets.length).toBe(file.size);
  return octets;
}

const text = async (image: Image, path: string): Promise<string> =>
  (await read(image, path)).toString();

describe("a file inside layers", () => {
  it("is the one of the uppermost layer that has it, and no further layer is read", async () => {
    const image = await imageOf([["boot/vmlinuz", "old"]], [["boot/vmlinuz", "new"]], [["x", ""]]);
    expect(await text(image, "boot/vmlinuz")).toBe("new");
    expect(image.repository.opened).toEqual([image.layers[2]?.digest, image.layers[1]?.digest]);
    expect(image.repository.closed).toHaveLength(2);
  });

  it.each(["boot/big", "./boot/big", "/boot//big"])(
    "is found by %s, long as it is",
    async (path) => {
      const image = await imageOf([
        ["./boot/", null],
        ["./boot/big", BIG],
        ["./z", BIG],
      ]);
      expect((await read(image, path)).equals(BIG)).toBe(true);
    },
  );

  it("may be empty", async () => {
    expect(
      await text(
        await imageOf([
          ["empty", ""],
          ["x", "y"],
        ]),
        "empty",
      ),
    ).toBe("");
  });

  it("is found in archives that are not compressed", async () => {
    const box = new BlobBox();
    const layer = box.add(await tarOf([["a", "plain"]]), "application/vnd.oci.image.layer.v1.tar");
    expect(await text({ box, repository: new MemoryRepository(box), layers: [layer] }, "a")).toBe(
      "plain",
    );
  });

  it("is not there when no layer has it", async () => {
    const image = await imageOf([["a", "1"]], [["b", "2"]]);
    await expect(read(image, "c")).rejects.toMatchObject({
      code: "E_STORE_MISSING",
      message: expect.stringContaining('no file "c": none of 2 layers has it'),
    });
    expect(image.repository.closed).toHaveLength(2);
  });

  it.each(["", "/", "."])("is not the root (%j)", async (path) => {
    await expect(
      read(
        await imageOf([
          ["./", null],
          ["a", "1"],
        ]),
        path,
      ),
    ).rejects.toMatchObject({
      code: "E_STORE_MISSING",
    });
  });

  it("is not a folder", async () => {
    const image = await imageOf([["boot", "a file, hidden by the folder"]], [["boot/", null]]);
    await expect(read(image, "boot")).rejects.toMatchObject({
      code: "E_STORE_MISSING",
      message: expect.stringContaining("it is a folder"),
    });
  });

  it("is not below a file", async () => {
    const image = await imageOf([["a/b", "below"]], [["a", "a file"]]);
    await expect(read(image, "a/b")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });
});

it("says that octets come while it searches, and after the file", async () => {
  const box = new BlobBox();
  const entries: TarEntry[] = [
    ["x", BIG],
    ["a", "1"],
    ["z", BIG],
  ];
  // Not compressed, so that it does not all fit into what streams hold.
  const layer = box.add(await tarOf(entries), "application/vnd.oci.image.layer.v1.tar");
  let heard = 0;
  const { signal } = new AbortController();
  const request = { signal, heard: (octets: number) => (heard += octets) };
  const file = await openLayerFile(new MemoryRepository(box), [layer], "a", request);
  const before = heard;
  expect(before).toBeGreaterThan(BIG.length);
  expect(before).toBeLessThan(layer.size);
  await collected(file.octets);
  expect(heard).toBe(layer.size);
});

describe("whiteouts", () => {
  const LOW: readonly TarEntry[] = [["a/b/c", "low"]];

  it.each([["a/b/.wh.c"], ["a/.wh.b"], [".wh.a"], ["a/b/.wh..wh..opq"], [".wh..wh..opq"]])(
    "%s hides what is below",
    async (name) => {
      const image = await imageOf(LOW, [[name, ""]]);
      await expect(read(image, "a/b/c")).rejects.toMatchObject({
        code: "E_STORE_MISSING",
        message: expect.stringContaining("a layer removes it"),
      });
      expect(image.repository.opened).toHaveLength(1);
    },
  );

  it.each([["a/.wh.c"], [".wh.b"], ["a/b/.wh.cc"], ["b/.wh..wh..opq"], ["a/b/c.wh.c"]])(
    "%s hides something else",
    async (name) => {
      expect(await text(await imageOf(LOW, [[name, ""]]), "a/b/c")).toBe("low");
    },
  );

  it("do not hide what their own layer has, wherever it stands", async () => {
    for (const layer of [
      [
        ["a/b/.wh..wh..opq", ""],
        ["a/b/c", "new"],
      ],
      [
        ["a/b/c", "new"],
        ["a/b/.wh.c", ""],
      ],
    ] as const) {
      expect(await text(await imageOf(LOW, layer), "a/b/c")).toBe("new");
    }
  });

  it("do not hide what a layer above puts back", async () => {
    expect(await text(await imageOf(LOW, [["a/.wh.b", ""]], [["a/b/c", "back"]]), "a/b/c")).toBe(
      "back",
    );
  });
});

describe("links", () => {
  it.each([
    ["beside it", "boot/vmlinuz", "-> vmlinuz-6.1"],
    ["from the root", "vmlinuz", "-> /boot/vmlinuz-6.1"],
    ["upwards", "a/b/vmlinuz", "-> ../../boot/vmlinuz-6.1"],
    ["above the root, which is the root", "vmlinuz", "-> ../../../boot/vmlinuz-6.1"],
  ])("are followed: %s", async (_, name, content) => {
    const image = await imageOf([["boot/vmlinuz-6.1", "kernel"]], [[name, content]]);
    expect(await text(image, name)).toBe("kernel");
  });

  it("are followed on the way, to what upper layers have there", async () => {
    const image = await imageOf(
      [
        ["usr/lib/a", "low"],
        ["lib", "-> usr/lib"],
      ],
      [["usr/lib/a", "high"]],
    );
    expect(await text(image, "lib/a")).toBe("high");
  });

  it("are followed when they are hard, within their layer", async () => {
    const image = await imageOf(
      [["a", "low"]],
      [
        ["a", "mid"],
        ["b", "=> a"],
      ],
      [["a", "high"]],
    );
    expect(await text(image, "b")).toBe("mid");
  });

  it("are followed when they are hard, to a lower layer where some builders leave the file", async () => {
    expect(await text(await imageOf([["a", "low"]], [["b", "=> a"]]), "b")).toBe("low");
  });

  it("are hidden by a folder of an upper layer", async () => {
    const image = await imageOf(
      [
        ["usr/lib/a", "x"],
        ["lib", "-> usr/lib"],
      ],
      [["lib/", null]],
    );
    await expect(read(image, "lib/a")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });

  it.each([
    ["itself", [["a", "-> a"]]],
    [
      "each other",
      [
        ["a", "-> b"],
        ["b", "-> a"],
      ],
    ],
    ["below itself", [["a", "-> a/a"]]],
    ["itself, hard", [["a", "=> a"]]],
  ] as [string, TarEntry[]][])("that lead to %s end", async (_, layer) => {
    await expect(read(await imageOf(layer), "a")).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("more than 12 links"),
    });
  });

  it("that lead nowhere say where", async () => {
    await expect(read(await imageOf([["a", "-> /etc/b"]]), "a")).rejects.toMatchObject({
      code: "E_STORE_MISSING",
      message: expect.stringContaining('no file "a" (a link to "etc/b")'),
    });
  });

  it("of the archive that lead out of it are not taken for anything", async () => {
    const image = await imageOf([
      ["../../etc/passwd", "evil"],
      ["x/../../etc/passwd", "evil"],
    ]);
    await expect(read(image, "etc/passwd")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });
});

describe("layers that are not what they say", () => {
  it("are refused though they have the file", async () => {
    const image = await imageOf([
      ["a", BIG],
      ["b", "2"],
    ]);
    const [layer] = image.layers;
    const other = await tarGzOf([
      ["a", BIG],
      ["b", "3"],
    ]);
    const box = new BlobBox();
    box.blobs.set(layer?.digest ?? "", other);
    const wrong: Descriptor[] = [
      { mediaType: "", digest: layer?.digest ?? "", size: other.length },
    ];
    const repository = new MemoryRepository(box);
    const { signal } = new AbortController();
    const file = await openLayerFile(repository, wrong, "a", { signal });
    await expect(collected(file.octets)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("has the digest"),
    });
    // Nor do they tell that a file is not there.
    await expect(openLayerFile(repository, wrong, "c", { signal })).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
    });
    expect(repository.closed).toHaveLength(2);
  });

  it("are refused when the file is in them twice", async () => {
    const image = await imageOf([
      ["a", "1"],
      ["./a", "2"],
    ]);
    await expect(read(image, "a")).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("twice"),
    });
  });

  it("are refused when they are no archives", async () => {
    const box = new BlobBox();
    const layers = [box.add(BIG, "application/octet-stream")];
    const image = { box, repository: new MemoryRepository(box), layers };
    await expect(read(image, "a")).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("cannot be unpacked"),
    });
    expect(image.repository.closed).toHaveLength(1);
  });

  it("are refused wherever they are cut off", async () => {
    const whole = await tarGzOf([
      ["x", "first"],
      ["a", pattern(3_000)],
      ["b", "2"],
    ]);
    for (let len = 0; len < whole.length; len++) {
      const box = new BlobBox();
      const layers = [box.add(whole.subarray(0, len), "")];
      const image = { box, repository: new MemoryRepository(box), layers };
      // The digest is that of what was cut, so that only the archive itself can tell.
      const outcome = await read(image, "a").catch((error: unknown) => error);
      const code = len === 0 ? "E_STORE_MISSING" : "E_STORE_BROKEN";
      expect(outcome, `${len} octets`).toMatchObject({ code });
    }
  });

  it("pass on what the store rejects with, before the file and within it", async () => {
    const failure = new Error("the line is dead");
    for (const at of [600, 5_000]) {
      const image = await imageOf([
        ["x", pattern(1_000)],
        ["a", pattern(20_000)],
      ]);
      const [layer] = image.layers;
      const box = new BlobBox();
      const plain = box.add(
        await tarOf([
          ["x", pattern(1_000)],
          ["a", pattern(20_000)],
        ]),
        "",
      );
      const { signal } = new AbortController();
      const repository = new MemoryRepository(box);
      repository.blob = async () => ({
        from: 0,
        octets: (async function* () {
          yield (box.blobs.get(plain.digest) ?? new Uint8Array(0)).subarray(0, at);
          throw failure;
        })(),
      });
      const reading = openLayerFile(repository, [layer ?? plain], "a", { signal }).then((file) =>
        collected(file.octets),
      );
      await expect(reading).rejects.toBe(failure);
    }
  });

  it("are let go of when the reader leaves", async () => {
    const image = await imageOf([
      ["a", BIG],
      ["b", BIG],
    ]);
    const { signal } = new AbortController();
    const file = await openLayerFile(image.repository, image.layers, "a", { signal });
    for await (const _ of file.octets) break;
    expect(image.repository.closed).toHaveLength(1);
  });
});
