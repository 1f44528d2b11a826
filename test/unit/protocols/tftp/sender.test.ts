import { describe, expect, it } from "vitest";
import type { TftpOptions } from "../../../../protocols/tftp/options.ts";
import {
  TFTP_SENDER_POLICY,
  TFTP_SIZE_UNKNOWN,
  TftpSender,
  type TftpSenderPolicy,
} from "../../../../protocols/tftp/sender.ts";

function sender(
  options: TftpOptions,
  size: number,
  policy: Partial<TftpSenderPolicy> = {},
): TftpSender {
  return new TftpSender({ options, size, policy: { ...TFTP_SENDER_POLICY, ...policy } });
}

/** All packets that are due, as short texts: "oack", "1@0+512", "error 2". */
function drain(s: TftpSender, nowMs = 0): string[] {
  const list: string[] = [];
  for (let p = s.pollTransmit(nowMs); p; p = s.pollTransmit(nowMs)) {
    if (p.kind === "data") list.push(`${p.block}@${p.at}+${p.len}`);
    else list.push(p.kind === "error" ? `error ${p.errorCode}` : p.kind);
  }
  return list;
}

const accepted = (s: TftpSender): Record<string, string> =>
  Object.fromEntries(s.accepted.map((o) => [o.name, o.value]));

describe("TftpSender: options", () => {
  it("answers a request without options with DATA 1 of 512 octets", () => {
    const s = sender({}, 1000);
    expect(drain(s)).toEqual(["1@0+512"]);
    s.handleAck(1, 1);
    expect(drain(s, 1)).toEqual(["2@512+488"]);
    s.handleAck(2, 2);
    expect([s.state, s.finished, s.octets, s.blocks]).toEqual(["done", true, 1000, 2]);
    expect(s.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
  });

  it.each<[string, TftpOptions, number, Record<string, string>]>([
    ["echoes what it can do", { blksize: 1024, timeout: 5 }, 9, { blksize: "1024", timeout: "5" }],
    ["clamps blksize", { blksize: 65_464 }, 9, { blksize: "1468" }],
    ["clamps windowsize", { windowsize: 65_535 }, 9, { windowsize: "64" }],
    ["answers tsize with the size", { tsize: 0 }, 5_000_000_000, { tsize: "5000000000" }],
    [
      "leaves tsize out when unknown",
      { tsize: 0, blksize: 8 },
      TFTP_SIZE_UNKNOWN,
      { blksize: "8" },
    ],
    [
      "leaves multicast out",
      { blksize: 512, multicast: { address: undefined, port: undefined, master: false } },
      9,
      { blksize: "512" },
    ],
  ])("%s", (_what, options, size, want) => {
    const s = sender(options, size);
    expect(accepted(s)).toEqual(want);
    expect(drain(s)).toEqual(["oack"]);
    expect(s.state).toBe("oack");
  });

  it("sends DATA at once when no option is left", () => {
    const s = sender({ tsize: 0 }, TFTP_SIZE_UNKNOWN);
    expect(s.accepted).toEqual([]);
    expect(drain(s)).toEqual(["1@0+512"]);
  });

  it("waits for ACK 0 after the OACK", () => {
    const s = sender({ blksize: 8 }, 20);
    s.handleAck(0, 0);
    expect(s.state).toBe("oack");
    expect(drain(s)).toEqual(["oack"]);
    s.handleAck(1, 0);
    expect(drain(s)).toEqual([]);
    s.handleAck(0, 0);
    expect(drain(s)).toEqual(["1@0+8"]);
  });
});

describe("TftpSender: ends", () => {
  it("sends an empty block after a file of whole blocks, and for an empty file", () => {
    const s = sender({}, 512);
    drain(s);
    s.handleAck(1, 0);
    expect(drain(s)).toEqual(["2@512+0"]);
    s.handleAck(2, 0);
    expect(s.state).toBe("done");
    const empty = sender({}, 0);
    expect(drain(empty)).toEqual(["1@0+0"]);
    empty.handleAck(1, 0);
    expect([empty.state, empty.octets]).toEqual(["done", 0]);
  });

  it("takes EDK2's ERROR 8 after a size question as a probe", () => {
    const s = sender({ tsize: 0, blksize: 1468, windowsize: 4 }, 850_528);
    drain(s);
    s.handleError(8);
    expect([s.state, s.failure, s.errorCode]).toEqual(["probe", "", 8]);
    expect(drain(s)).toEqual([]);
  });

  it("takes ERROR 0 in that place as one too (older PXE ROMs)", () => {
    const s = sender({ tsize: 0 }, 10);
    drain(s);
    s.handleError(0);
    expect(s.state).toBe("probe");
  });

  it.each([
    ["ERROR 8 without a size question", { blksize: 512 }, 8, "options-refused"],
    ["ERROR 3 after one", { tsize: 0 }, 3, "peer-error"],
    ["ERROR 8 without an OACK", {}, 8, "peer-error"],
  ] as const)("fails on %s", (_what, options, code, failure) => {
    const s = sender(options, 10_000);
    drain(s);
    s.handleError(code);
    expect([s.state, s.failure, s.errorCode]).toEqual(["failed", failure, code]);
    s.handleAck(1, 0);
    s.handleTimeout(1e9);
    expect(drain(s)).toEqual([]);
    expect(s.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
  });

  it("is no probe once data flows", () => {
    const s = sender({ tsize: 0 }, 10_000);
    drain(s);
    s.handleAck(0, 0);
    s.handleError(8);
    expect([s.state, s.failure]).toEqual(["failed", "peer-error"]);
  });

  it("aborts with one ERROR", () => {
    const s = sender({}, 10_000);
    drain(s);
    s.abort(2);
    expect(drain(s)).toEqual(["error 2"]);
    expect(drain(s)).toEqual([]);
    expect([s.state, s.failure]).toEqual(["failed", "aborted"]);
    s.abort(3);
    expect(drain(s)).toEqual([]);
  });

  it("takes the end of a file of unknown size from its reader", () => {
    const s = sender({}, TFTP_SIZE_UNKNOWN);
    expect(drain(s)).toEqual(["1@0+512"]);
    s.handleAck(1, 0);
    expect(drain(s)).toEqual(["2@512+512"]);
    s.endsAt(600);
    s.endsAt(5);
    s.handleAck(2, 0);
    expect([s.state, s.octets]).toEqual(["done", 600]);
  });
});

describe("TftpSender: loss", () => {
  it("backs off from 1 s to 10 s, longer than the 5 s after which atftp repeats its ACK, and gives up after 25 s", () => {
    const s = sender({}, 10_000);
    const sent: number[] = [];
    let nowMs = 0;
    while (!s.finished) {
      if (drain(s, nowMs).length > 0) sent.push(nowMs);
      nowMs = s.pollTimeout();
      s.handleTimeout(nowMs - 1);
      expect(s.pollTransmit(nowMs - 1)).toBeUndefined();
      s.handleTimeout(nowMs);
    }
    expect(sent).toEqual([0, 1000, 3000, 7000, 15_000]);
    expect([nowMs, s.failure, s.retransmissions]).toEqual([25_000, "timeout", 4]);
    expect(s.retransmittedOctets).toBe(4 * 512);
  });

  it("keeps the timeout that the client asked for", () => {
    const s = sender({ timeout: 2 }, 10);
    drain(s, 100);
    expect(s.pollTimeout()).toBe(2100);
    s.handleTimeout(2100);
    expect(drain(s, 2100)).toEqual(["oack"]);
    expect(s.pollTimeout()).toBe(4100);
  });

  it("keeps the doubled time until a round trip was measured (Karn), then waits by what it measures", () => {
    const s = sender({}, 10_000);
    drain(s, 0);
    s.handleTimeout(1000);
    drain(s, 1000);
    expect(s.pollTimeout()).toBe(3000);
    s.handleAck(1, 1500); // of the first or of the second one: nobody knows
    drain(s, 1500);
    expect(s.pollTimeout()).toBe(3500);
    s.handleAck(2, 1600);
    drain(s, 1600);
    expect(s.pollTimeout()).toBe(1600 + 300);
    s.handleAck(3, 1601);
    drain(s, 1601);
    expect(s.pollTimeout()).toBeLessThan(1601 + 400);
  });

  it("measures the OACK, and in a window the last block", () => {
    const s = sender({ windowsize: 2 }, 10_000);
    drain(s, 0);
    s.handleAck(0, 200);
    drain(s, 200);
    expect(s.pollTimeout()).toBe(200 + 600);
    s.handleAck(1, 250); // a gap: block 2 goes out again
    drain(s, 250);
    expect(s.pollTimeout()).toBe(250 + 600);
  });

  it("does not give up sooner because the round trip is short", () => {
    const s = sender({}, 10_000);
    drain(s, 0);
    s.handleAck(1, 1);
    let nowMs = 1;
    while (!s.finished) {
      drain(s, nowMs);
      nowMs = s.pollTimeout();
      s.handleTimeout(nowMs);
    }
    expect(nowMs).toBeGreaterThan(25_000);
    expect(nowMs).toBeLessThan(31_000);
    const hasty = sender({ timeout: 1 }, 10_000);
    for (nowMs = 0; !hasty.finished; hasty.handleTimeout(nowMs)) {
      drain(hasty, nowMs);
      nowMs = hasty.pollTimeout();
    }
    expect(nowMs).toBe(7_000);
  });

  it("says when only the confirmation is missing", () => {
    const s = sender({}, 10);
    while (!s.finished) {
      drain(s, s.pollTimeout() === Number.POSITIVE_INFINITY ? 0 : s.pollTimeout());
      s.handleTimeout(s.pollTimeout());
    }
    expect(s.failure).toBe("unconfirmed");
  });

  it("counts the time-outs since the client was heard, and says whether all is out", () => {
    const s = sender({}, 600);
    const seen: (readonly [number, boolean])[] = [];
    const look = (): unknown => seen.push([s.timeouts, s.allSent]);
    drain(s);
    look();
    s.handleTimeout(s.pollTimeout());
    drain(s);
    look();
    s.handleAck(1, s.pollTimeout());
    look();
    drain(s);
    look();
    expect(seen).toEqual([
      [0, false],
      [1, false],
      [0, false],
      [0, true],
    ]);
  });

  it("never resends for a duplicate ACK (Sorcerer's Apprentice)", () => {
    const s = sender({}, 10_000);
    drain(s);
    s.handleAck(1, 0);
    expect(drain(s)).toEqual(["2@512+512"]);
    for (let i = 0; i < 3; i++) s.handleAck(1, 0);
    s.handleAck(0, 0);
    s.handleAck(65_535, 0);
    s.handleAck(3, 0);
    expect(drain(s)).toEqual([]);
    s.handleAck(2, 0);
    expect(drain(s)).toEqual(["3@1024+512"]);
  });
});

describe("TftpSender: windows (RFC 7440)", () => {
  function windowed(size = 100): TftpSender {
    const s = sender({ blksize: 8, windowsize: 4 }, size);
    drain(s);
    s.handleAck(0, 0);
    return s;
  }

  it("keeps the window full", () => {
    const s = windowed();
    expect(drain(s)).toEqual(["1@0+8", "2@8+8", "3@16+8", "4@24+8"]);
    s.handleAck(4, 0);
    expect(drain(s)).toEqual(["5@32+8", "6@40+8", "7@48+8", "8@56+8"]);
    s.handleAck(8, 0);
    s.handleAck(8, 0);
    expect(drain(s)).toEqual(["9@64+8", "10@72+8", "11@80+8", "12@88+8"]);
    s.handleAck(12, 0);
    expect(drain(s)).toEqual(["13@96+4"]);
    s.handleAck(13, 0);
    expect([s.state, s.retransmissions]).toEqual(["done", 0]);
  });

  it("goes back behind an ACK inside the window, once", () => {
    const s = windowed();
    drain(s);
    s.handleAck(2, 0);
    s.handleAck(2, 0);
    expect(drain(s)).toEqual(["3@16+8", "4@24+8", "5@32+8", "6@40+8"]);
    s.handleAck(2, 0);
    s.handleAck(1, 0);
    expect(drain(s)).toEqual([]);
    expect(s.retransmissions).toBe(2);
    s.handleAck(6, 0);
    expect(drain(s)[0]).toBe("7@48+8");
  });

  it("goes back again when the repeated blocks have a gap", () => {
    const s = windowed();
    drain(s);
    s.handleAck(1, 0);
    expect(drain(s)).toEqual(["2@8+8", "3@16+8", "4@24+8", "5@32+8"]);
    s.handleAck(2, 0);
    expect(drain(s)).toEqual(["3@16+8", "4@24+8", "5@32+8", "6@40+8"]);
  });

  it("only slides when an ACK shows that going back was needless (EDK2 acknowledges duplicates)", () => {
    const s = windowed();
    drain(s);
    s.handleAck(2, 0); // reordered: 3 and 4 arrive all the same
    drain(s); // 3 4 5 6
    s.handleAck(4, 0); // for the duplicate 3
    expect(drain(s)).toEqual(["7@48+8", "8@56+8"]);
    s.handleAck(4, 0); // for the duplicate 4
    expect(drain(s)).toEqual([]);
    s.handleAck(8, 0);
    expect(drain(s)[0]).toBe("9@64+8");
    expect(s.retransmissions).toBe(2);
  });

  it("repeats the window from the last acknowledged block after a timeout", () => {
    const s = windowed();
    drain(s, 0);
    s.handleAck(4, 10);
    drain(s, 10);
    s.handleTimeout(1010);
    expect(drain(s, 1010)).toEqual(["5@32+8", "6@40+8", "7@48+8", "8@56+8"]);
  });

  it("ignores an ACK of what was not sent", () => {
    const s = windowed();
    drain(s);
    s.handleAck(5, 0);
    s.handleAck(40_000, 0);
    expect(drain(s)).toEqual([]);
    expect(s.blocks).toBe(0);
  });

  it("rolls block numbers over to 0", () => {
    const size = 8 * 65_540;
    const s = windowed(size);
    expect(s.rollsOver).toBe(true);
    expect(windowed(8 * 65_534).rollsOver).toBe(false);
    expect(windowed(8 * 65_535).rollsOver).toBe(true); // the empty block is number 65536
    for (let block = 4; block <= 65_536; block += 4) {
      drain(s);
      s.handleAck(block & 0xffff, 0);
    }
    expect(s.blocks).toBe(65_536);
    expect(drain(s)).toEqual([
      `1@${8 * 65_536}+8`,
      `2@${8 * 65_537}+8`,
      `3@${8 * 65_538}+8`,
      `4@${8 * 65_539}+8`,
    ]);
    s.handleAck(4, 0);
    expect(drain(s)).toEqual([`5@${size}+0`]);
    s.handleAck(5, 0);
    expect([s.state, s.octets]).toEqual(["done", size]);
  });
});
