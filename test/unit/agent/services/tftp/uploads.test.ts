import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { UploadStore, uploadName } from "../../../../../agent/services/tftp/upload-store.ts";
import { TftpMode } from "../../../../../protocols/tftp/packet.ts";
import { eventually } from "../../../../support/eventually.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { ip, pattern } from "../../../../support/test-site.ts";
import {
  ASKER,
  ASKER_PORT,
  data,
  error,
  rrq,
  tftpTalk,
  wrq,
} from "../../../../support/tftp-talk.ts";

const withUploads = (site: string): string =>
  site.replace("  debian:\n", "  debian:\n    uploads: 64KiB\n");

async function setUp(edit = withUploads) {
  const dir = path.join(tempDir(), "uploads");
  const uploads = new UploadStore(dir);
  const talk = await tftpTalk(edit, undefined, { uploads });
  /** Sends a file as a client does; what was answered. */
  const put = async (request: Uint8Array, octets: Uint8Array, len = 512, port = ASKER_PORT) => {
    const i = talk.ports.transfers.length;
    const said: string[] = [];
    talk.ask(request, ASKER, port);
    const next = async (): Promise<string> => {
      const sent = () => [...talk.ports.port(69).sent, ...(talk.ports.transfers[i]?.sent ?? [])];
      await eventually(() => sent().length > 0, "an answer");
      const from =
        talk.ports.port(69).sent.length > 0 ? talk.ports.port(69) : talk.ports.transfers[i];
      const [answer = ""] = await talk.answer(() => from);
      said.push(answer);
      return answer;
    };
    for (let at = 0, block = 1, word = await next(); !word.startsWith("error"); block++) {
      if (at > octets.length) break;
      const payload = octets.slice(at, at + len);
      talk.ports.transfers[i]?.deliver(data(block, payload), ASKER, port);
      at += payload.length < len ? len + octets.length : len;
      word = await next();
    }
    return said;
  };
  const files = (machine = "minipc"): string[] => readdirSync(path.join(dir, machine)).sort();
  return { ...talk, dir, uploads, put, files };
}

describe("TFTP writes", () => {
  it.each([["where the profile allows none", (site: string) => site]])(
    "are refused %s",
    async (_, edit) => {
      const { ask, answer, ports, last } = await setUp(edit);
      ask(wrq("dump"));
      expect(await answer(() => ports.port(69))).toEqual(["error 2 nothing may be written here"]);
      expect(last()).toMatchObject({ event: 'write "dump"', outcome: "refused" });
    },
  );

  it("go into the machine's folder, durable before the last ACK, and are journalled", async () => {
    const { put, dir, files, last, ports, clock } = await setUp();
    const octets = pattern(1_300);
    expect(await put(wrq("/core.1"), octets)).toEqual(["ack 0", "ack 1", "ack 2", "ack 3"]);
    expect(files()).toEqual(["core.1"]);
    expect([...readFileSync(path.join(dir, "minipc", "core.1"))]).toEqual([...octets]);
    expect(statSync(path.join(dir, "minipc", "core.1")).mode & 0o777).toBe(0o640);
    expect(last()).toMatchObject({
      machine: "minipc",
      event: 'write "/core.1"',
      decision: "profile debian takes uploads",
      reply: "minipc/core.1",
      outcome: "done",
      octets: 1_300,
    });
    ports.transfers[0]?.deliver(data(3, octets.slice(1_024)), ASKER, ASKER_PORT);
    expect(ports.transfers[0]?.take()).toHaveLength(1);
    expect(ports.transfers[0]?.closed).toBe(false);
    clock.advance(6_000);
    expect(ports.transfers[0]).toMatchObject({ closed: true, slabsOut: 0 });
    expect(clock.pending).toBe(0);
  });

  it("end with an empty block, and may be empty", async () => {
    const { put, dir } = await setUp();
    expect(await put(wrq("even"), pattern(1_024))).toEqual(["ack 0", "ack 1", "ack 2", "ack 3"]);
    expect(await put(wrq("empty"), new Uint8Array(), 512, 7)).toEqual(["ack 0", "ack 1"]);
    expect(statSync(path.join(dir, "minipc", "even")).size).toBe(1_024);
    expect(statSync(path.join(dir, "minipc", "empty")).size).toBe(0);
  });

  it("confirm blksize and tsize, and take windows", async () => {
    const { ask, ports, answer, dir } = await setUp();
    ask(wrq("win", { blksize: "1024", tsize: "2500", windowsize: "2" }));
    const port = () => ports.transfers[0];
    expect(await answer(port)).toEqual(["oack blksize=1024 tsize=2500 windowsize=2"]);
    const octets = pattern(2_500);
    for (const [i, want] of [undefined, "ack 2", "ack 3"].entries()) {
      port()?.deliver(data(i + 1, octets.slice(i * 1_024, (i + 1) * 1_024)), ASKER, ASKER_PORT);
      if (want) expect(await answer(port)).toEqual([want]);
    }
    expect([...readFileSync(path.join(dir, "minipc", "win"))]).toEqual([...octets]);
  });

  it("of texts have this host's line ends", async () => {
    const { put, dir } = await setUp();
    const sent = Uint8Array.from(Buffer.from("a\r\nb\r\0c\r"));
    await put(wrq("text", { blksize: "8" }, TftpMode.Netascii), sent, 8);
    expect(readFileSync(path.join(dir, "minipc", "text"), "latin1")).toBe("a\nb\rc\r");
  });

  it("are never over a file that is there, nor beside one that is being written", async () => {
    const { put, ask, ports, answer, dir } = await setUp();
    await put(wrq("once"), pattern(10));
    expect(await put(wrq("once"), pattern(20), 512, 7)).toEqual([
      'error 6 "once" is there already',
    ]);
    expect(statSync(path.join(dir, "minipc", "once")).size).toBe(10);
    ask(wrq("twice"));
    await answer(() => ports.transfers.at(-1));
    ask(wrq("twice"), ASKER, 9);
    expect(await answer(() => ports.port(69))).toEqual(['error 6 "twice" is there already']);
  });

  it("lose against a file that came by another way meanwhile", async () => {
    const { ask, ports, answer, dir, files, last } = await setUp();
    ask(wrq("late"));
    await answer(() => ports.transfers[0]);
    writeFileSync(path.join(dir, "minipc", "late"), "first");
    ports.transfers[0]?.deliver(data(1, pattern(10)), ASKER, ASKER_PORT);
    expect(await answer(() => ports.transfers[0])).toEqual(["error 6 it is there already"]);
    expect(files()).toEqual(["late"]);
    expect(readFileSync(path.join(dir, "minipc", "late"), "latin1")).toBe("first");
    expect(last()).toMatchObject({ outcome: "failed", decision: "it is there already" });
  });

  it("keep within the quota: by tsize at once, else when it is used up, small files counted by blocks", async () => {
    const { put, files } = await setUp();
    expect(await put(wrq("big", { tsize: "65537" }), pattern(10))).toEqual([
      "error 3 65537 octets wanted, 65536 of its quota left",
    ]);
    const said = await put(wrq("big"), pattern(70_000));
    expect(said.at(-1)).toBe("error 3 its quota of 65536 octets is used up");
    expect(said).toHaveLength(130);
    await eventually(() => files().length === 0, "the draft is gone");
    for (let i = 0; i < 16; i++) await put(wrq(`f${i}`), pattern(1), 512, 100 + i);
    expect(await put(wrq("one-more"), pattern(1), 512, 200)).toEqual([
      "error 3 4096 octets wanted, 0 of its quota left",
    ]);
    expect(files()).toHaveLength(16);
  });

  it("leave nothing when the client gives up, stops, or begins something else", async () => {
    const { ask, answer, ports, clock, files, last } = await setUp();
    const begin = async (port: number) => {
      const i = ports.transfers.length;
      ask(wrq(`half${port}`), ASKER, port);
      await eventually(() => ports.transfers[i]?.sent.length === 1, "ACK 0");
      const made = ports.transfers[i];
      made?.take();
      made?.deliver(data(1, pattern(512)), ASKER, port);
      expect(await answer(() => made)).toEqual(["ack 1"]);
      return made;
    };
    const first = await begin(1);
    expect(files()[0]).toMatch(/^half1\.draft-/);
    first?.deliver(error(0), ASKER, 1);
    expect(last()).toMatchObject({ decision: "the client gave up with error 0: no" });
    await begin(2);
    ask(rrq("netbsd"), ASKER, 2);
    expect(last().decision).toBe("the client began another transfer from the same port");
    await eventually(() => ports.transfers.length === 3, "the read");
    await begin(3);
    for (let i = 0; i < 60; i++) clock.advance(1_000);
    expect(last()).toMatchObject({ outcome: "failed" });
    await eventually(() => files().length === 0, "no draft");
  });

  it.each(["../x", "a/b", "/etc/passwd", ".hidden", "", "x\ny", "x.draft-1", "a".repeat(201)])(
    "refuse the name %j",
    async (name) => {
      const { ask, answer, ports } = await setUp();
      ask(wrq(name));
      expect(await answer(() => ports.port(69))).toEqual([
        "error 2 not a name that could be written",
      ]);
    },
  );

  it.each([
    ["C:\\dump.1", "dump.1"],
    ["//switch-confg", "switch-confg"],
    ["c:dump", "c:dump"],
  ])("take %j for %j", (asked, name) => {
    expect(uploadName(asked)).toBe(name);
  });

  it("answer a repeated request by the first answer again, and strangers and broadcasts by nothing", async () => {
    const { ask, answer, ports, last } = await setUp();
    ask(wrq("x", { blksize: "1024" }), ASKER, ASKER_PORT, true);
    expect(last()).toMatchObject({ outcome: "silent" });
    ask(wrq("x"), ip("172.24.42.99"));
    expect(last()).toMatchObject({ outcome: "silent", event: 'write "x" by 172.24.42.99' });
    ask(wrq("x", { blksize: "1024" }));
    expect(await answer(() => ports.transfers[0])).toEqual(["oack blksize=1024"]);
    ask(wrq("x", { blksize: "1024" }));
    expect(await answer(() => ports.transfers[0])).toEqual(["oack blksize=1024"]);
    expect([ports.transfers.length, ports.port(69).take()]).toEqual([1, []]);
  });

  it("that a power cut left half are removed when the agent starts", async () => {
    const { uploads, dir, files } = await setUp();
    mkdirSync(path.join(dir, "minipc"), { recursive: true });
    writeFileSync(path.join(dir, "minipc", "core.draft-0123456789ab"), "half");
    writeFileSync(path.join(dir, "minipc", "core.0"), "whole");
    await uploads.sweep();
    expect(files()).toEqual(["core.0"]);
  });
});
