import { describe, expect, it } from "vitest";
import { CaptureReader } from "../../../../agent/capture/capture-reader.ts";
import { MAX_FRAME_LEN } from "../../../../agent/capture/input-window.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { FileOctets, PcapngFile, pcapFile } from "../../../support/capture-files.ts";

interface Seen {
  readonly frames: readonly string[];
  readonly error: AgentError | undefined;
}

/** Every frame as "number time link length first-octet", and how the file ended. */
function read(file: Uint8Array, piece = file.length || 1): Seen {
  const reader = new CaptureReader();
  const frames: string[] = [];
  const drain = (): void => {
    for (let f = reader.next(); f; f = reader.next()) {
      const at = f.octets.u8[f.at];
      frames.push(`${f.number} ${f.timeText()} ${f.linkType} ${f.len}/${f.originalLen} ${at}`);
    }
  };
  try {
    for (let at = 0; at < file.length; at += piece) {
      reader.feed(file.subarray(at, at + piece));
      drain();
    }
    reader.end();
    drain();
    return { frames, error: undefined };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { frames, error };
  }
}

const one = Uint8Array.of(1, 1, 1, 1, 1);
const two = Uint8Array.of(2, 2, 2);

describe("pcap", () => {
  it.each([
    { little: true, nanoseconds: false, want: "000123Z" },
    { little: false, nanoseconds: false, want: "000123Z" },
    { little: true, nanoseconds: true, want: "000000123Z" },
    { little: false, nanoseconds: true, want: "000000123Z" },
  ])("little $little, nanoseconds $nanoseconds", ({ want, ...form }) => {
    const file = pcapFile(
      [
        { data: one, seconds: 1_700_000_000, fraction: 123 },
        { data: two, seconds: 1_700_000_001, fraction: 0, original: 90 },
      ],
      { ...form, linkType: 113 },
    );
    const { frames, error } = read(file);
    expect(error).toBeUndefined();
    expect(frames).toEqual([
      `1 2023-11-14T22:13:20.${want} 113 5/5 1`,
      `2 2023-11-14T22:13:21.${want.replace(/[1-9]/g, "0")} 113 3/90 2`,
    ]);
  });

  it("carries a fraction that is more than a second", () => {
    const { frames } = read(pcapFile([{ data: one, seconds: 1, fraction: 2_500_000 }]));
    expect(frames).toEqual(["1 1970-01-01T00:00:03.500000Z 1 5/5 1"]);
  });

  it("believes no length beyond the longest frame", () => {
    const file = pcapFile([{ data: one }, { data: two }]);
    new DataView(file.buffer).setUint32(24 + 16 + 5 + 8, MAX_FRAME_LEN + 1, true);
    const { frames, error } = read(file);
    expect(frames).toHaveLength(1);
    expect(error?.code).toBe("E_CAPTURE");
    expect(error?.message).toContain("octet 45");
    expect(error?.message).toContain("frame 2 claims 262145 octets");
  });

  it("takes the frame check sequence away where the file says that there is one", () => {
    const file = pcapFile([{ data: new Uint8Array(64) }]);
    new DataView(file.buffer).setUint32(20, 0x2400_0001, true);
    expect(read(file).frames).toEqual(["1 1970-01-01T00:00:00.000000Z 1 60/60 0"]);
  });
});

describe("pcapng", () => {
  const nanoseconds = [[9, Uint8Array.of(9)]] as const;

  it.each([true, false])("reads every kind of packet block, little endian %s", (little) => {
    const file = new PcapngFile(little).section().interface(1).interface(113, nanoseconds);
    file.other(0x0bad_0001, 500).enhanced(0, 1_700_000_000_000_001n, one, "a comment").simple(two);
    file.enhanced(1, 1_700_000_000_000_000_001n, two).obsolete(0, 5n, one).other(4, 8);
    expect(read(file.done())).toEqual({
      error: undefined,
      frames: [
        "1 2023-11-14T22:13:20.000001Z 1 5/5 1",
        "2 null 1 3/3 2",
        "3 2023-11-14T22:13:20.000000001Z 113 3/3 2",
        "4 1970-01-01T00:00:00.000005Z 1 5/5 1",
      ],
    });
  });

  it("gives custom blocks and journal entries a number, as Wireshark does", () => {
    const file = new PcapngFile(true).section().interface(1).other(0x0bad, 8).other(9, 20);
    file.other(5, 12).enhanced(0, 0n, one).other(0x40000bad, 8).enhanced(0, 0n, two);
    expect(read(file.done()).frames.map((text) => text.slice(0, 2))).toEqual(["3 ", "5 "]);
  });

  it("begins anew with each section, also one of the other byte order", () => {
    const first = new PcapngFile(true).section().interface(1).enhanced(0, 0n, one).done();
    const second = new PcapngFile(false).section().interface(101).enhanced(0, 0n, two).done();
    expect(read(Uint8Array.of(...first, ...second)).frames).toEqual([
      "1 1970-01-01T00:00:00.000000Z 1 5/5 1",
      "2 1970-01-01T00:00:00.000000Z 101 3/3 2",
    ]);
  });

  it("adds the offset of an interface, and knows clocks of powers of two", () => {
    const offset = new FileOctets(true).u32(100).u32(0).done();
    const options = [
      [9, Uint8Array.of(0x80 | 10)],
      [14, offset],
    ] as const;
    const file = new PcapngFile(true).section().interface(1, options).enhanced(0, 1_536n, one);
    expect(read(file.done()).frames).toEqual(["1 1970-01-01T00:01:41.500000Z 1 5/5 1"]);
  });

  it("takes any time that 64 bits can say", () => {
    const options = [[9, Uint8Array.of(0)]] as const;
    const file = new PcapngFile(true).section().interface(1, options);
    expect(read(file.enhanced(0, 0xffff_ffff_ffff_ffffn, one).done()).frames).toEqual([
      "1 +275760-09-13T00:00:00.000000Z 1 5/5 1",
    ]);
  });

  it("passes over a block that is far larger than what is kept", () => {
    const file = new PcapngFile(true)
      .section()
      .interface(1)
      .other(99, 3_000_000)
      .enhanced(0, 0n, one);
    expect(read(file.done(), 200_000).frames).toEqual(["1 1970-01-01T00:00:00.000000Z 1 5/5 1"]);
  });

  it.each([
    { name: "a length below a block's", at: 28 + 20 + 4, value: 8, want: "block of 8 octets" },
    { name: "a length not a multiple of four", at: 52, value: 35, want: "block of 35 octets" },
    { name: "an interface that is not there", at: 56, value: 1, want: "of interface 1" },
    { name: "a frame longer than its block", at: 68, value: 1_000, want: "claims 1000 octets" },
    { name: "a wrong length at the end", at: 48 + 36, value: 44, want: "ends with the length 44" },
  ])("$name", ({ at, value, want }) => {
    const file = new PcapngFile(true).section().interface(1).enhanced(0, 0n, one);
    const octets = file.enhanced(0, 0n, two).done();
    new DataView(octets.buffer).setUint32(at, value, true);
    const { error } = read(octets);
    expect(error?.code).toBe("E_CAPTURE");
    expect(error?.message).toContain(want);
  });

  it("wants a section before anything else", () => {
    const file = new PcapngFile(true).section().interface(1).done();
    file.set(file.slice(28), 0);
    expect(read(file).error?.code).toBe("E_CAPTURE");
  });
});

describe("both", () => {
  const pcapng = new PcapngFile(false)
    .section()
    .interface(1)
    .enhanced(0, 1n, one, "comment")
    .other(77, 40)
    .simple(two)
    .enhanced(0, 2n, one)
    .done();
  const files = [
    { name: "pcap", file: pcapFile([{ data: one }, { data: two }, { data: one }]) },
    { name: "pcapng", file: pcapng },
  ];

  it.each(files)(
    "$name: every truncation gives the frames before it, then an error",
    ({ file }) => {
      const whole = read(file);
      expect(whole.error).toBeUndefined();
      expect(whole.frames).toHaveLength(3);
      let most = 0;
      let clean = 0;
      for (let len = 0; len < file.length; len++) {
        const { frames, error } = read(file.slice(0, len));
        expect(frames).toEqual(whole.frames.slice(0, frames.length));
        expect(frames.length).toBeGreaterThanOrEqual(most);
        most = frames.length;
        if (error === undefined) clean += 1;
        else expect(error.code).toBe("E_CAPTURE");
      }
      // Only where a frame or block ended, the file may be all that there was.
      expect(clean).toBeLessThanOrEqual(6);
      expect(most).toBeGreaterThanOrEqual(2);
    },
  );

  it.each(files)("$name: the size of the pieces makes no difference", ({ file }) => {
    for (const piece of [1, 2, 3, 7, 16, 100]) expect(read(file, piece)).toEqual(read(file));
  });

  it.each([
    { name: "nothing", octets: [], want: "is empty" },
    { name: "three octets", octets: [1, 2, 3], want: "first four octets" },
    { name: "gzip", octets: [0x1f, 0x8b, 8, 0], want: "is compressed" },
    { name: "text", octets: [0x23, 0x21, 0x2f, 0x62], want: "starts with 23212f62" },
  ])("$name is no capture", ({ octets, want }) => {
    const { error } = read(Uint8Array.from(octets));
    expect(error?.code).toBe("E_CAPTURE");
    expect(error?.message).toContain(want);
  });
});
