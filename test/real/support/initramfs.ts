import { readFileSync } from "node:fs";
import { INITRAMFS } from "./products.ts";

/** The lab's initramfs with an init that prints `LAB-CMDLINE`, `LAB-VERSION <version>`, `LAB-DONE`, and powers off. */
export function initramfsThatSays(version: string): Uint8Array {
  return initramfsWith(
    INITRAMFS,
    `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev 2>/dev/null
exec >/dev/console 2>&1 </dev/console
echo "LAB-CMDLINE $(/bin/busybox cat /proc/cmdline)"
echo "LAB-VERSION ${version}"
echo LAB-DONE
/bin/busybox poweroff -f
`,
  );
}

/** An initramfs with another init laid over it: Linux unpacks one archive after the other. */
export function initramfsWith(initramfs: string, init: string): Uint8Array {
  const archive = entry("init", 0o100755, init) + entry("TRAILER!!!", 0, "");
  return Buffer.concat([padded(readFileSync(initramfs)), Buffer.from(archive, "latin1")]);
}

/** cpio "newc": 13 fields of 8 hex digits, the name, the octets, each padded to 4. */
function entry(name: string, mode: number, content: string): string {
  const fields = [1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  const header = `070701${hex}${name}\0`;
  return pad(header) + pad(content);
}

function pad(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, "\0");
}

function padded(octets: Buffer): Buffer {
  return Buffer.concat([octets, Buffer.alloc(-octets.length & 3)]);
}
