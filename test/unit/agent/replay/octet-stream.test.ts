import { describe, expect, it } from "vitest";
import { OctetStream } from "../../../../agent/replay/octet-stream.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";

function listen(): { readonly stream: OctetStream; readonly heard: string[] } {
  const heard: string[] = [];
  const stream = new OctetStream({
    data: (octets) => heard.push(Buffer.from(octets).toString()),
    gap: (len) => heard.push(`<${len}>`),
  });
  return { stream, heard };
}

function take(stream: OctetStream, seq: number, text: string, lost = 0): void {
  stream.take(seq, new Octets(new Uint8Array(Buffer.from(text))), 0, text.length, lost);
}

describe("OctetStream", () => {
  it("brings segments into order and hands out nothing twice", () => {
    const { stream, heard } = listen();
    stream.begin(100);
    take(stream, 103, "def");
    take(stream, 100, "abc");
    take(stream, 101, "bcdefg");
    take(stream, 100, "abc");
    expect(heard.join("")).toBe("abcdefg");
  });

  it("goes on over the end of the sequence numbers", () => {
    const { stream, heard } = listen();
    stream.begin(-2);
    take(stream, -2, "ab");
    take(stream, 0, "cd");
    expect(heard.join("")).toBe("abcd");
  });

  it("tells a hole once the other end has acknowledged it", () => {
    const { stream, heard } = listen();
    stream.begin(0);
    take(stream, 0, "ab");
    take(stream, 5, "fg");
    expect(heard.join("")).toBe("ab");
    stream.acknowledged(2);
    expect(heard.join("")).toBe("ab");
    stream.acknowledged(7);
    expect(heard.join("")).toBe("ab<3>fg");
  });

  it("tells a hole when too much waits behind it", () => {
    const { stream, heard } = listen();
    stream.begin(0);
    for (let i = 0; i < 300; i++) take(stream, 10 + i, "x");
    expect(heard[0]).toBe("<10>");
    expect(heard.join("").length).toBe("<10>".length + 300);
  });

  it("tells what the capture cut off, and takes up where it came again", () => {
    const { stream, heard } = listen();
    stream.begin(0);
    take(stream, 0, "ab", 2);
    take(stream, 4, "ef");
    expect(heard.join("")).toBe("ab<2>ef");
  });
});
