import { describe, expect, it } from "vitest";
import { fixture, holdsWhenCut, PAYLOAD, refusal, unpack } from "./unpacking.ts";

const LONG = "a".repeat(60);
const WHOLE = [
  "gnu.tar",
  "pax.tar",
  "sample.tar.gz",
  "sample.tar.xz",
  "sample.tar.zst",
  "sample.tar.bz2",
  "sample.zip",
  "sample-gz.deb",
  "sample-xz.deb",
  "sample-zst.deb",
  "sample-tar.deb",
  "newc.cpio",
  "crc.cpio",
  "odc.cpio",
  "newc.cpio.gz",
  "initramfs-xz.img",
  "initramfs-gz.img",
  "two.cpio",
] as const;
const PLAIN = ["stored.zip", "zip64.zip", "full.iso", "joliet.iso", "plain.iso"] as const;

/** zip64.zip has a file that came by a pipe. */
function pathIn(name: string): string {
  return name === "zip64.zip" ? "-" : "boot/vmlinuz";
}

describe.each([...WHOLE, ...PLAIN])("%s", (name) => {
  const octets = fixture(name);
  const path = pathIn(name);

  it.each([path, `./${path}`, `/${path}`, `.//${path}`])("has %s", async (wanted) => {
    expect(await unpack(octets, { extract: wanted })).toBe(PAYLOAD);
  });

  it("says what it has instead of what it has not", async () => {
    const message = await refusal(octets, { extract: "boot/vmlinux" });
    expect(message).toContain("sample: boot/vmlinux is not in the archive (a");
    expect(message.toLowerCase()).toContain(path);
  });

  it("gives all or nothing when it is cut off", { timeout: 60_000 }, async () => {
    await holdsWhenCut(octets, { extract: path }, PAYLOAD);
  });
});

describe.each(WHOLE)("in %s", (name) => {
  const octets = fixture(name);

  it("a file that is compressed itself is decompressed", async () => {
    expect(await unpack(octets, { extract: "boot/vmlinuz.gz", decompress: "gzip" })).toBe(PAYLOAD);
  });

  it.each(["boot/linux", "boot/vmlinuz.hard", "current/vmlinuz", "current/linux"])(
    "%s leads to the file",
    async (path) => {
      expect(await unpack(octets, { extract: path })).toBe(PAYLOAD);
    },
  );

  it("links in a circle and links that lead out are refused", async () => {
    expect(await refusal(octets, { extract: "loop-a" })).toBe(
      "sample: loop-a is a link in a circle",
    );
    expect(await refusal(octets, { extract: "outside" })).toBe(
      "sample: outside is a link to ../../etc/passwd, outside of the archive",
    );
  });

  it("an empty file is empty, and a directory is one", async () => {
    expect(await unpack(octets, { extract: "empty" })).toBe("");
    expect(await refusal(octets, { extract: "boot" })).toBe("sample: boot is a directory");
    expect(await refusal(octets, { extract: "current" })).toBe(
      "sample: boot (where current leads) is a directory",
    );
  });

  it("long names are whole", async () => {
    expect(await unpack(octets, { extract: `deep/${LONG}/${LONG}/${LONG}` })).toBe("long\n");
  });
});

describe("ISO 9660", () => {
  const full = fixture("full.iso");

  it("Rock Ridge has links, long names and files of other names", async () => {
    for (const path of ["boot/linux", "current/vmlinuz", "boot/vmlinuz.hard"]) {
      expect(await unpack(full, { extract: path })).toBe(PAYLOAD);
    }
    expect(await unpack(full, { extract: `deep/${LONG}/${LONG}/${LONG}` })).toBe("long\n");
    expect(await refusal(full, { extract: "loop-b" })).toContain("is a link in a circle");
    expect(await refusal(full, { extract: "boot" })).toContain("boot is a directory");
  });

  it("plain names count whatever their case, and without their version", async () => {
    for (const path of ["BOOT/VMLINUZ", "Boot/VmLinuz", "boot/vmlinuz.gz"]) {
      const treatment = path.endsWith("gz") ? { decompress: "gzip" as const } : {};
      expect(await unpack(fixture("plain.iso"), { extract: path, ...treatment })).toBe(PAYLOAD);
    }
    // Where there are others as well, those come first.
    expect(await unpack(full, { extract: "BOOT/VMLINUZ" })).toBe(PAYLOAD);
  });

  it("Joliet names have their case", async () => {
    expect(await unpack(fixture("joliet.iso"), { extract: "boot/vmlinuz" })).toBe(PAYLOAD);
  });

  it("a file of several parts is joined", async () => {
    const image = Buffer.from(fixture("plain.iso"));
    const at = image.indexOf("VMLINUZ.;1") - 33;
    const record = Buffer.from(image.subarray(at, at + (image[at] ?? 0)));
    const block = record.readUInt32LE(2);
    const first = Buffer.from(record);
    first.writeUInt32LE(2_048, 10);
    first[25] = 0x80;
    const second = Buffer.from(record);
    second.writeUInt32LE(block + 1, 2);
    second.writeUInt32LE(PAYLOAD.length - 2_048, 10);
    // The other file of the folder goes.
    const parts = Buffer.concat([first, second]);
    parts.copy(image, at);
    image.fill(0, at + parts.length, (Math.floor(at / 2_048) + 1) * 2_048);
    expect(await unpack(image, { extract: "boot/vmlinuz" })).toBe(PAYLOAD);
    expect(await refusal(image, { extract: "boot/vmlinuz.gz" })).toContain("is not in the archive");
  });

  it("directories that lie within each other are gone through once", async () => {
    const circle = Buffer.from(full);
    // Every directory record but the first ones becomes one of the root.
    const root = circle.subarray(16 * 2048 + 156, 16 * 2048 + 190);
    let changed = 0;
    for (let at = 18 * 2048; at + 40 < circle.length; at += 1) {
      if (circle[at + 25] !== 2 || circle[at + 32] === 1) continue;
      if ((circle[at] ?? 0) < 34 || circle.readUInt16LE(at + 28) !== 1) continue;
      root.copy(circle, at + 2, 2, 18);
      changed++;
    }
    expect(changed).toBeGreaterThan(3);
    const message = await refusal(circle, { extract: "no/such/file" });
    expect(message).toMatch(/is not in the archive|damaged/);
  });
});

describe("what cannot be had", () => {
  it("encrypted files of a zip archive", async () => {
    expect(await refusal(fixture("encrypted.zip"), { extract: "boot/vmlinuz" })).toBe(
      "sample: boot/vmlinuz is encrypted",
    );
  });

  it.each(["sparse.tar", "sparse-pax.tar"])("the sparse file of %s", async (name) => {
    const message = await refusal(fixture(name), { extract: "sparse" });
    expect(message).toBe("sample: sparse is sparse, which is not supported");
  });

  it("anything else than an archive", async () => {
    const message = await refusal(Buffer.from("no archive"), { extract: "x" });
    expect(message).toBe("sample: is not an archive that is known (tar, zip, deb, cpio, ISO 9660)");
    expect(await refusal(fixture("payload.gz"), { extract: "x" })).toBe(
      "sample: is compressed with gzip, and what is in it is neither tar nor cpio",
    );
    const lz4 = Buffer.concat([Buffer.from("04224d18", "hex"), new Uint8Array(600)]);
    expect(await refusal(lz4, { extract: "x" })).toContain("is compressed with lz4, which is not");
    expect(await refusal(Buffer.from("!<arch>\n"), { extract: "x" })).toContain("has no data.tar");
    expect(await refusal(new Uint8Array(0), { extract: "x" })).toContain("is not an archive");
  });

  it("a path that an archive has twice", async () => {
    const twice = Buffer.concat([fixture("newc.cpio"), fixture("newc.cpio")]);
    expect(await refusal(twice, { extract: "boot/linux" })).toBe(
      "sample: has boot/vmlinuz (where boot/linux leads) more than once: which one is meant is not clear",
    );
  });

  it("what grows beyond a bound", async () => {
    const treatment = { extract: "boot/vmlinuz" };
    expect(await refusal(fixture("sample.zip"), treatment, { maxOctets: 100 })).toContain(
      "grows beyond 100 octets",
    );
  });
});

describe("links", () => {
  const header = (path: string, mode: number, inode: number, links: number, content: string) => {
    const numbers = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, path.length + 1, 0];
    const head = `070701${numbers.map((n) => n.toString(16).padStart(8, "0")).join("")}${path}\0`;
    const pad = (text: string): string => text + "\0".repeat((4 - (text.length & 3)) & 3);
    return pad(head) + pad(content);
  };
  const cpio = (...entries: readonly string[]): Uint8Array =>
    Buffer.from([...entries, header("TRAILER!!!", 0, 0, 1, "")].join(""));

  it("more than forty are refused", async () => {
    const chain = Array.from({ length: 50 }, (_, i) =>
      header(`l${i}`, 0o120777, i, 1, `l${i + 1}`),
    );
    const archive = cpio(...chain, header("l50", 0o100644, 50, 1, "end"));
    expect(await refusal(archive, { extract: "l0" })).toBe(
      "sample: l0 leads through more than 40 links",
    );
    expect(await unpack(archive, { extract: "l20" })).toBe("end");
  });

  it.each(["first", "second", "third"])(
    "%s of three names has the octets of any of them",
    async (extract) => {
      for (const holder of ["first", "second", "third"]) {
        const archive = cpio(
          ...["first", "second", "third"].map((name) =>
            header(name, 0o100644, 7, 3, name === holder ? "octets" : ""),
          ),
          header("other", 0o100644, 8, 1, "other"),
        );
        expect(await unpack(archive, { extract })).toBe("octets");
      }
    },
  );

  it("a device is not read", async () => {
    const archive = cpio(header("dev/console", 0o020600, 1, 1, ""));
    expect(await refusal(archive, { extract: "dev/console" })).toBe(
      "sample: dev/console is a device, a pipe or a socket",
    );
  });

  it("ten names at most are told, the nearest first", async () => {
    const names = Array.from({ length: 500 }, (_, i) =>
      header(`some/file-${i}`, 0o100644, i, 1, "x"),
    );
    const archive = cpio(...names, header("else/vmlinuz", 0o100644, 900, 1, "x"));
    const message = await refusal(archive, { extract: "boot/vmlinuz" });
    expect(message).toContain("the nearest in it: else/vmlinuz, some/file-");
    expect(message.split(", ").length).toBeLessThanOrEqual(12);
  });
});

describe("damage", () => {
  it("is found by the checksum of a zip archive", async () => {
    const damaged = Buffer.from(fixture("stored.zip"));
    const at = damaged.indexOf("line 77 of");
    damaged[at] = 0x4c;
    expect(await refusal(damaged, { extract: "boot/vmlinuz" })).toBe(
      "sample: is damaged: the checksum of boot/vmlinuz does not match",
    );
  });

  it("is found by the sum of a cpio archive", async () => {
    const damaged = Buffer.from(fixture("crc.cpio"));
    damaged[damaged.indexOf("line 77 of")] = 0x4c;
    expect(await refusal(damaged, { extract: "boot/vmlinuz" })).toContain("is damaged: the sum of");
  });

  it("behind the file is found as well", async () => {
    const damaged = Buffer.from(fixture("sample.tar.gz"));
    damaged[damaged.length - 6] = (damaged[damaged.length - 6] ?? 0) ^ 1;
    expect(await refusal(damaged, { extract: "boot/vmlinuz" })).toContain(
      "is cut short or damaged",
    );
  });

  it.each(["gnu.tar", "newc.cpio", "sample.zip", "sample-xz.deb", "full.iso"])(
    "anywhere in %s ends in an error or in octets",
    { timeout: 60_000 },
    async (name) => {
      const octets = fixture(name);
      const step = Math.max(1, Math.floor(octets.length / 150));
      for (let at = 0; at < octets.length; at += step) {
        const damaged = Uint8Array.from(octets);
        damaged[at] = (damaged[at] ?? 0) ^ 0xff;
        const outcome = await unpack(damaged, { extract: "boot/linux" }).catch(
          (error: unknown) => (error as { readonly code?: string }).code ?? String(error),
        );
        expect(outcome.length === PAYLOAD.length || outcome === "E_TREATMENT", `octet ${at}`).toBe(
          true,
        );
      }
    },
  );
});
