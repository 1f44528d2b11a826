import { describe, expect, it } from "vitest";
import { Boots, type Verdict } from "../../../../agent/plan/boots.ts";
import type { Question } from "../../../../agent/plan/plans.ts";
import type { Family } from "../../../../agent/site/families.ts";

const MAC = "00:03:ba:5b:ae:b3";

/** One step of a machine: a question, a file that it has read, or that it is heard. */
type Step = Question | "loaded" | "heard" | "restart";

const rarp: Step = { by: "rarp" };
const tftp: Step = { by: "tftp" };
const http: Step = { by: "http" };
const rpc: Step = { by: "rpc" };
const ask = (family: Family): Step => ({ by: "dhcp", family, first: true });
const request = (family: Family): Step => ({ by: "dhcp", family, first: false });

/** [seconds since the step before, what comes, what it means]. */
type Row = readonly [number, Step, Verdict?];

const BEGINS: Verdict = "begins";
const GOES_ON: Verdict = "goes-on";
const MAY: Verdict = "may-begin";

const SUN: readonly Row[] = [
  [0, rarp, BEGINS],
  [4, rarp, GOES_ON],
  [1, tftp, GOES_ON],
  [9, "loaded"],
  [2, rarp, GOES_ON],
  [1, rpc, GOES_ON],
  [30, rpc, GOES_ON],
  [70, rarp, GOES_ON],
  [1, rpc, GOES_ON],
];

const cases: readonly { readonly name: string; readonly rows: readonly Row[] }[] = [
  { name: "a Sun: PROM, loader and kernel ask by RARP, each in one boot", rows: SUN },
  {
    name: "a Sun that is reset while it runs, half a minute later and an hour later",
    rows: [
      ...SUN,
      [30, rarp, GOES_ON],
      [1, tftp, BEGINS],
      [9, "loaded"],
      [2, rarp, GOES_ON],
      [1, rpc, GOES_ON],
      [3_600, rarp, BEGINS],
      [1, tftp, GOES_ON],
    ],
  },
  {
    name: "a Sun that is reset before its loader has asked for anything",
    rows: [
      [0, rarp, BEGINS],
      [1, tftp, GOES_ON],
      [9, "loaded"],
      [60, rarp, GOES_ON],
      [1, tftp, BEGINS],
    ],
  },
  {
    name: "a Sun whose first boot found no file, and that is told to try again",
    rows: [
      [0, rarp, BEGINS],
      [1, tftp, GOES_ON],
      [90, rarp, GOES_ON],
      [1, tftp, BEGINS],
    ],
  },
  {
    name: "a Sun that runs from its root for days and is then reset",
    rows: [...SUN, [300, "heard"], [500, "heard"], [500, rarp, GOES_ON], [1, tftp, BEGINS]],
  },
  {
    name: "NetBSD on a Sun: the loader asks by DHCP",
    rows: [
      [0, rarp, BEGINS],
      [1, tftp, GOES_ON],
      [9, "loaded"],
      [3, ask("bsd-loader"), GOES_ON],
      [1, request("bsd-loader"), GOES_ON],
      [1, rpc, GOES_ON],
      [60, ask("unknown"), GOES_ON],
      [1, rpc, GOES_ON],
    ],
  },
  {
    name: "a PC: ROM, iPXE, a kernel with ip=dhcp",
    rows: [
      [0, ask("pxe-bios"), BEGINS],
      [4, ask("pxe-bios"), GOES_ON],
      [1, request("pxe-bios"), GOES_ON],
      [1, tftp, GOES_ON],
      [1, "loaded"],
      [5, ask("ipxe"), GOES_ON],
      [1, http, GOES_ON],
      [20, "loaded"],
      [90, ask("linux-kernel"), GOES_ON],
      [1, rpc, GOES_ON],
      [15, ask("pxe-bios"), BEGINS],
    ],
  },
  {
    name: "a PC that is reset while iPXE loads",
    rows: [
      [0, ask("pxe-bios"), BEGINS],
      [1, ask("ipxe"), GOES_ON],
      [3, http, GOES_ON],
      [4, ask("pxe-bios"), BEGINS],
    ],
  },
  {
    name: "a PC whose ROM is iPXE, and which loads another iPXE first",
    rows: [
      [0, ask("ipxe"), BEGINS],
      [1, tftp, GOES_ON],
      [1, "loaded"],
      [2, ask("ipxe"), GOES_ON],
      [1, http, GOES_ON],
      [9, "loaded"],
      [12, ask("ipxe"), BEGINS],
    ],
  },
  {
    name: "UEFI that loads GRUB, whose menu waits before it asks for itself",
    rows: [
      [0, ask("uefi-x64"), BEGINS],
      [1, tftp, GOES_ON],
      [1, "loaded"],
      [60, ask("unknown"), GOES_ON],
      [1, tftp, GOES_ON],
      [9, "loaded"],
      [300, ask("unknown"), GOES_ON],
    ],
  },
  {
    name: "UEFI that loads pxelinux, a kernel, and is then reset",
    rows: [
      [0, ask("uefi-x64"), BEGINS],
      [1, tftp, GOES_ON],
      [9, "loaded"],
      [11, ask("uefi-x64"), BEGINS],
    ],
  },
  {
    name: "a Raspberry Pi whose boot code asks again at once",
    rows: [
      [0, ask("pxe-bios"), BEGINS],
      [1, tftp, GOES_ON],
      [1, "loaded"],
      [3, ask("pxe-bios"), GOES_ON],
      [1, tftp, GOES_ON],
    ],
  },
  {
    name: "UEFI that tries PXE, then HTTP",
    rows: [
      [0, ask("uefi-x64"), BEGINS],
      [32, ask("uefi-x64"), GOES_ON],
      [30, ask("uefi-http-x64"), GOES_ON],
      [45, ask("uefi-x64"), BEGINS],
    ],
  },
  {
    name: "U-Boot, whose script asks several times under several names",
    rows: [
      [0, ask("uboot"), BEGINS],
      [1, tftp, GOES_ON],
      [5, "loaded"],
      [15, ask("uboot"), GOES_ON],
      [1, ask("uefi-arm64"), GOES_ON],
      [1, tftp, GOES_ON],
      [5, "loaded"],
      [15, ask("uboot"), GOES_ON],
      [1, rpc, GOES_ON],
      [10, ask("uboot"), GOES_ON],
      [300, ask("uboot"), BEGINS],
    ],
  },
  {
    name: "U-Boot by RARP",
    rows: [
      [0, rarp, BEGINS],
      [1, tftp, GOES_ON],
      [5, "loaded"],
      [50, rarp, GOES_ON],
      [1, tftp, BEGINS],
    ],
  },
  {
    name: "SLOF: BOOTP, a long transfer, and its reset",
    rows: [
      [0, ask("slof"), BEGINS],
      [1, tftp, GOES_ON],
      [30, "heard"],
      [30, "heard"],
      [30, "loaded"],
      [41, ask("slof"), BEGINS],
    ],
  },
  {
    name: "firmware with an address of its own, which only reads",
    rows: [
      [0, tftp, BEGINS],
      [5, tftp, GOES_ON],
      [700, tftp, BEGINS],
    ],
  },
  {
    name: "firmware that does not say what it is: what it reads tells",
    rows: [
      [0, ask("unknown"), MAY],
      [1, request("unknown"), MAY],
      [1, tftp, BEGINS],
      [1, ask("unknown"), GOES_ON],
      [50, ask("unknown"), MAY],
      [1, tftp, BEGINS],
    ],
  },
  {
    name: "a kernel from a disk of its own, with a root of ours",
    rows: [
      [0, ask("linux-kernel"), MAY],
      [1, rpc, BEGINS],
      [1, rpc, GOES_ON],
    ],
  },
  {
    name: "a running system that renews, asks anew, and reads what it likes later",
    rows: [
      [0, request("unknown"), GOES_ON],
      [10, ask("unknown"), MAY],
      [1, request("unknown"), MAY],
      [61, http, GOES_ON],
      [1, rpc, GOES_ON],
      [1, http, GOES_ON],
    ],
  },
  {
    name: "an agent that was restarted while the machine ran: firmware begins, a kernel goes on",
    rows: [
      [0, "restart"],
      [1, ask("linux-kernel"), GOES_ON],
      [1, rpc, GOES_ON],
      [1, rarp, GOES_ON],
      [1, rpc, GOES_ON],
      [1, ask("ipxe"), BEGINS],
      [1, "restart"],
      [1, rarp, GOES_ON],
      [1, tftp, BEGINS],
      [1, "restart"],
      [700, rarp, BEGINS],
    ],
  },
];

describe("Boots", () => {
  it.each(cases)("$name", ({ rows }) => {
    let nowMs = 5_000;
    const boots = new Boots(() => nowMs);
    for (const [i, [afterS, step, verdict]] of rows.entries()) {
      nowMs += afterS * 1_000;
      if (step === "loaded") boots.loaded(MAC);
      else if (step === "heard") boots.heard(MAC);
      else if (step === "restart") boots.restored(MAC);
      else expect(boots.ask(MAC, step), `row ${i}: ${JSON.stringify(step)}`).toBe(verdict);
    }
  });

  it("keeps machines apart, and forgets those that are gone", () => {
    const boots = new Boots(() => 0);
    expect(boots.ask(MAC, { by: "rarp" })).toBe("begins");
    expect(boots.ask("02:00:00:00:00:01", { by: "rarp" })).toBe("begins");
    boots.keepOnly((mac) => mac === MAC);
    expect(boots.ask(MAC, { by: "rarp" })).toBe("goes-on");
    expect(boots.ask("02:00:00:00:00:01", { by: "rarp" })).toBe("begins");
  });
});
