import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { verifyMinisign } from "../../../agent/assets/checksums/minisign.ts";
import { parseChecksums } from "../../../agent/assets/checksums/parse-checksums.ts";
import { verifySignify } from "../../../agent/assets/checksums/signify.ts";
import { treat } from "../../../agent/assets/treatment/treat.ts";
import type { Treatment } from "../../../agent/assets/treatment/treatment.ts";
import { prng, randomOctets } from "../../support/prng.ts";
import { tempDir } from "../../support/temp-dir.ts";

const KERNEL_LEN = 24_000_000;

/** Runs a command line of sh in a folder. */
function sh(folder: string, line: string): void {
  execFileSync("sh", ["-euc", line], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}

/** Octets that compress to about a half, with matches near and far. */
function kernelOctets(): Uint8Array {
  const words = Array.from({ length: 4_096 }, (_, i) => randomOctets(i, 4 + (i % 40)));
  const octets = new Uint8Array(KERNEL_LEN);
  const next = prng(77);
  for (let at = 0; at < KERNEL_LEN; ) {
    const word = words[Math.floor(next() * words.length)] ?? new Uint8Array(1);
    octets.set(word.subarray(0, KERNEL_LEN - at), at);
    at += word.length;
  }
  return octets;
}

const KERNEL = kernelOctets();
const DIGEST = createHash("sha256").update(KERNEL).digest("hex");

/** A tree of some thousand files with the kernel in it. */
function tree(): string {
  const folder = tempDir({ "tree/boot/vmlinuz": KERNEL, "tree/EMPTY": "" });
  for (let i = 0; i < 2_000; i++) {
    const dir = path.join(folder, "tree/modules", `group-${i % 50}`);
    mkdirSync(dir, { recursive: true });
    writeFileSync(path.join(dir, `A module with a long name, number ${i}.ko`), `module ${i}\n`);
  }
  symlinkSync("boot/vmlinuz", path.join(folder, "tree/vmlinuz"));
  linkSync(path.join(folder, "tree/boot/vmlinuz"), path.join(folder, "tree/vmlinuz.hard"));
  return folder;
}

interface Outcome {
  readonly digest: string;
  readonly octets: number;
  /** How often the event loop came around. */
  readonly turns: number;
}

async function unpack(file: string, treatment: Treatment): Promise<Outcome> {
  const hash = createHash("sha256");
  let octets = 0;
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  turn();
  const { size } = statSync(file);
  const { signal } = new AbortController();
  for await (const piece of treat({ file, size, treatment, label: "sample", signal })) {
    octets += piece.length;
    hash.update(piece);
  }
  isOver = true;
  return { digest: hash.digest("hex"), octets, turns };
}

describe("compressions", () => {
  it.each([
    ["gzip", "gzip -1c"],
    ["gzip", "gzip -9c"],
    ["xz", "xz -0 -T1 -c"],
    ["xz", "xz -1 -T2 --block-size=1MiB -c"],
    ["xz", "xz -9 -c"],
    ["zstd", "zstd -q -1 -c"],
    ["zstd", "zstd -q -T2 -12 -c"],
    ["zstd", "zstd -q --ultra -20 --long=27 -c"],
    ["zstd", "zstd -q -3 --no-check -c"],
    ["bzip2", "bzip2 -1c"],
    ["bzip2", "bzip2 -9c"],
  ] as const)("%s as `%s` writes it", async (decompress, command) => {
    const folder = tempDir({ kernel: KERNEL });
    sh(folder, `${command} kernel > packed`);
    const { digest, octets, turns } = await unpack(path.join(folder, "packed"), { decompress });
    expect(octets).toBe(KERNEL.length);
    expect(digest).toBe(DIGEST);
    // Others have their turn for every MB at least.
    expect(turns).toBeGreaterThan(24);
  });

  it("takes no more memory than a window, whatever comes out", async () => {
    const folder = tempDir();
    for (const [decompress, command] of [
      ["gzip", "gzip -c"],
      ["xz", "xz -1 -c"],
      ["zstd", "zstd -q -c"],
      ["bzip2", "bzip2 -c"],
    ] as const) {
      sh(folder, `head -c 400M /dev/zero | ${command} > packed`);
      const before = process.memoryUsage().rss;
      const { octets } = await unpack(path.join(folder, "packed"), { decompress });
      expect(octets).toBe(400 * 1024 * 1024);
      const grown = (process.memoryUsage().rss - before) / 0x10_0000;
      expect(grown, `MiB for ${decompress}`).toBeLessThan(120);
    }
  });
});

describe("archives", () => {
  it.each([
    ["GNU tar", "tar --format=gnu -C tree -cf packed ."],
    ["a pax tar", "tar --format=posix -C tree -cf packed ."],
    ["bsdtar's tar", "bsdtar -C tree -cf packed ."],
    ["a tar.gz", "tar -C tree -cf - . | gzip -1 > packed"],
    ["a tar.xz", "tar -C tree -cf - . | xz -0 > packed"],
    ["a tar.zst", "tar -C tree -cf - . | zstd -q > packed"],
    ["a tar.bz2", "tar -C tree -cf - . | bzip2 -1 > packed"],
    ["a zip", "cd tree; zip -qry ../packed.zip .; mv ../packed.zip ../packed"],
    ["bsdtar's zip", "bsdtar --format=zip -C tree -cf packed ."],
    ["cpio newc", "cd tree; find . | cpio --quiet -o -H newc > ../packed"],
    ["cpio crc", "cd tree; find . | cpio --quiet -o -H crc > ../packed"],
    ["cpio odc", "cd tree; find . | cpio --quiet -o -H odc > ../packed"],
    ["bsdtar's cpio", "bsdtar --format=newc -C tree -cf packed ."],
    [
      "an initramfs",
      "cd tree; { echo EMPTY | cpio --quiet -o -H newc; find boot vmlinuz | cpio --quiet -o -H newc | zstd -q; } > ../packed",
    ],
    ["genisoimage's ISO", "genisoimage -quiet -R -J -joliet-long -o packed tree 2>/dev/null"],
    ["xorriso's ISO", "xorriso -as mkisofs -quiet -r -J -o packed tree"],
  ])("%s has the file by its name and by a link", async (_, command) => {
    const folder = tree();
    sh(folder, command);
    for (const extract of ["boot/vmlinuz", "vmlinuz"]) {
      const { digest, turns } = await unpack(path.join(folder, "packed"), { extract });
      expect(digest, extract).toBe(DIGEST);
      expect(turns).toBeGreaterThan(10);
    }
  });

  it.each(["gzip", "xz", "zstd", "none"])("a deb with %s", async (compression) => {
    const folder = tree();
    mkdirSync(path.join(folder, "tree/DEBIAN"));
    writeFileSync(
      path.join(folder, "tree/DEBIAN/control"),
      "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: sample\n",
    );
    sh(folder, `dpkg-deb -Z${compression} -z1 -b tree packed`);
    const { digest } = await unpack(path.join(folder, "packed"), { extract: "boot/vmlinuz" });
    expect(digest).toBe(DIGEST);
  });

  it("one of many files of a compressed cpio", async () => {
    const folder = tree();
    sh(folder, "cd tree; find . | cpio --quiet -o -H newc | xz -0 --check=crc32 > ../packed");
    const { octets } = await unpack(path.join(folder, "packed"), {
      extract: "modules/group-7/A module with a long name, number 7.ko",
    });
    expect(octets).toBe("module 7\n".length);
  });
});

describe("published lists", () => {
  it("of sha256sum, signed by signify and by minisign", () => {
    const folder = tempDir({ kernel: KERNEL });
    sh(
      folder,
      "sha256sum kernel > SUMS; sha256sum --tag kernel > TAGGED;" +
        "s=$(command -v signify-openbsd || command -v signify);" +
        "$s -G -n -p k.pub -s k.sec; $s -S -e -s k.sec -m TAGGED -x embedded.sig;" +
        "minisign -G -W -p m.pub -s m.key; minisign -S -s m.key -m SUMS",
    );
    const read = (name: string): Uint8Array => readFileSync(path.join(folder, name));
    const text = (name: string): string => Buffer.from(read(name)).toString();
    const tagged = verifySignify(text("k.pub"), read("embedded.sig"), undefined, "list");
    verifyMinisign(text("m.pub"), read("SUMS.minisig"), read("SUMS"), "list");
    for (const list of [tagged, read("SUMS")]) {
      expect(parseChecksums(list, "list").get("kernel")).toBe(DIGEST);
    }
  });
});
