import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compareWithTshark, hasTshark } from "../support/tshark.ts";
import { captureNames, capturePath } from "./captures.ts";

const TIMEOUT_MS = 60_000;
const MADE: string = fileURLToPath(new URL("../support/captures", import.meta.url));

const NO_CALL = "replies whose call is not in the capture";
const TOLD_BY_NOBODY = "a port that no port mapper told";

/** Frames in which we see RPC where tshark sees none, and what they are. */
const ONLY_OURS: Readonly<Record<string, { what: string; frames: readonly number[] }>> = {
  "linux-dhcp-nfsroot-v3-udp.pcap": { what: NO_CALL, frames: [60] },
  "linux-sparc64-sun4u-rarp-nfsroot-v2-udp.pcap": { what: NO_CALL, frames: [49, 52] },
  "uboot-arm32.pcap": { what: NO_CALL, frames: [19] },
  "uboot-nfs-v2.pcap": { what: NO_CALL, frames: [19] },
  "uboot-nfs-v3-fallback.pcap": { what: NO_CALL, frames: [29] },
  "uboot-ppce500.pcap": { what: NO_CALL, frames: [24] },
  "uboot-riscv64.pcap": { what: NO_CALL, frames: [19] },
  "user-bootparam-realbootparamd.pcap": {
    what: "rpcbind answers CALLIT from a port of its own",
    frames: [13, 14, 17, 18, 21, 22, 27, 28],
  },
  "user-nfs2-nmap.pcap": { what: TOLD_BY_NOBODY, frames: [48, 50, 74, 75] },
};

const captures: readonly string[] = [
  ...captureNames().map(capturePath),
  ...readdirSync(MADE).map((name) => join(MADE, name)),
];

const { CI } = process.env;
const there = hasTshark();

// On a developer's machine the rest of `make test` is worth having without tshark; CI installs it and must not pass without.
describe("tshark", () => {
  it("is there to compare with", () => {
    if (there) return;
    const cure =
      "tshark is not installed, so decode was compared with nothing: apt-get install tshark";
    expect(CI, cure).toBeUndefined();
    process.stderr.write(`\n*** ${cure}\n\n`);
  });
});

describe.runIf(there)("tshark sees the same", () => {
  it.each(captures.map((file) => [basename(file), file]))(
    "%s",
    async (name, file) => {
      const { differences, onlyOurs, messages } = await compareWithTshark(file);
      expect(differences).toEqual([]);
      expect(messages).toBeGreaterThan(0);
      expect(onlyOurs).toEqual(ONLY_OURS[name]?.frames ?? []);
    },
    TIMEOUT_MS,
  );
});
