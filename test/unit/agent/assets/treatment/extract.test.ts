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
