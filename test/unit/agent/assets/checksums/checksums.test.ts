import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseChecksums } from "../../../../../agent/assets/checksums/parse-checksums.ts";
import { publishedDigest } from "../../../../../agent/assets/checksums/published-digest.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import type { ChecksumsSpec, SourceSpec } from "../../../../../agent/site/site.ts";

const A = "a".repeat(64);
const B = "B".repeat(64);

function fixture(name: string): Buffer {
  return readFileSync(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)));
}

function parse(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(parseChecksums(Buffer.from(text), "the list"));
}

/** The message of the E_CHECKSUMS that something ends with. */
async function refusal(work: () => unknown): Promise<string> {
  let error: unknown;
  try {
    await work();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(AgentError);
  const { code, message } = error as AgentError;
  expect(code, message).toBe("E_CHECKSUMS");
  return message;
}

describe("a list", () => {
  it.each([
    ["GNU text", `${A}  vmlinuz\n`],
    ["GNU binary", `${A} *vmlinuz\n`],
    ["BSD", `SHA256 (vmlinuz) = ${A}\n`],
    ["OpenSSL's", `SHA256(vmlinuz)= ${A}\n`],
    ["with CRLF", `${A}  vmlinuz\r\n`],
    ["without an end", `${A}  ./vmlinuz`],
    [
      "with other lines",
      `# comment\n\nMD5 (vmlinuz) = 00\n${"0".repeat(40)}  vmlinuz\n${A}  vmlinuz\n`,
    ],
    ["that says it twice", `${A}  vmlinuz\n${A.toUpperCase()} *vmlinuz\n`],
  ])("%s", (_, text) => {
    expect(parse(text)).toEqual({ vmlinuz: A });
  });

  it("keeps blanks and brackets of names, and writes digests in lower case", () => {
    expect(parse(`SHA256 (a (b) c) = ${B}\n${A}  d e\n`)).toEqual({
      "a (b) c": B.toLowerCase(),
      "d e": A,
    });
  });

  it("is refused where it has two digests for a name, none at all, or too much", async () => {
    expect(await refusal(() => parse(`${A}  x\n${B}  x\n`))).toBe(
      "the list: has two SHA-256 digests for x",
    );
    expect(await refusal(() => parse("<html>not found</html>"))).toBe(
      "the list: has no SHA-256 digest",
    );
    expect(await refusal(() => parse("x".repeat(1024 * 1024 + 1)))).toContain("at most 1048576");
  });
});

const source = (name: string): SourceSpec => ({ kind: "file", file: `/${name}` });
const fetchText = async (from: SourceSpec): Promise<Uint8Array> =>
  from.kind === "file" ? fixture(from.file.slice(1)) : new Uint8Array(0);
const digit = (n: number): string => String(n).padStart(64, "0");

function spec(list: string, entry: string, signature?: ChecksumsSpec["signature"]): ChecksumsSpec {
  return { source: source(list), entry, ...(signature === undefined ? {} : { signature }) };
}

describe("a published digest", () => {
  it("is that of the entry", async () => {
    expect(await publishedDigest(spec("SHA256SUMS", "vmlinuz"), fetchText)).toBe(digit(4));
    expect(await publishedDigest(spec("SHA256", "bsd.rd"), fetchText)).toBe(digit(1));
    expect(await refusal(() => publishedDigest(spec("SHA256SUMS", "vmlinux"), fetchText))).toBe(
      "/SHA256SUMS: has no SHA-256 digest for vmlinux; it has vmlinuz",
    );
  });

  it("does not hide why a list could not be had", async () => {
    const gone = new AgentError("E_STORE_MISSING", "no list");
    const fetching = publishedDigest(spec("SHA256SUMS", "x"), () => Promise.reject(gone));
    await expect(fetching).rejects.toBe(gone);
  });
});

const key = (name: string): string => fixture(name).toString();

describe("signify", () => {
  const ours = key("signify-ours.pub");
  const embedded = (publicKey: string): ChecksumsSpec =>
    spec("SHA256.sig", "bsd.rd", { by: "signify", key: publicKey });
  const detached = (publicKey: string): ChecksumsSpec =>
    spec("SHA256", "bsd.rd", {
      by: "signify",
      key: publicKey,
      source: source("SHA256.detached.sig"),
    });

  it.each([
    ["with the list in it", embedded],
    ["beside the list", detached],
  ])("is believed %s", async (_, make) => {
    expect(await publishedDigest(make(ours), fetchText)).toBe(digit(1));
    expect(await publishedDigest(make(ours.split("\n")[1] ?? ""), fetchText)).toBe(digit(1));
  });

  it.each([
    ["with the list in it", embedded],
    ["beside the list", detached],
  ])("of another key is told apart from one that does not match, %s", async (_, make) => {
    const other = make(key("signify-other.pub"));
    expect(await refusal(() => publishedDigest(other, fetchText))).toMatch(
      /signed by the key [0-9A-F]{16}, and the site trusts [0-9A-F]{16}/,
    );
    const lie = publishedDigest({ ...make(ours), entry: "bsd.mp" }, async (from) => {
      const octets = Buffer.from(await fetchText(from));
      const at = octets.indexOf("bsd.rd");
      if (at >= 0) octets.write("bsd.mp", at);
      return octets;
    });
    expect(await refusal(() => lie)).toContain("the signature does not match");
  });

  it("that is none is refused, whatever is missing of it", async () => {
    const whole = fixture("SHA256.sig");
    for (let cut = 0; cut < whole.length; cut++) {
      await refusal(() => publishedDigest(embedded(ours), async () => whole.subarray(0, cut)));
    }
    expect(await refusal(() => publishedDigest(embedded("no key"), fetchText))).toBe(
      "/SHA256.sig: the public key is not one",
    );
  });
});

describe("minisign", () => {
  const ours = key("minisign-ours.pub");
  const signed = (publicKey: string, by: string): ChecksumsSpec =>
    spec("SHA256SUMS", "vmlinuz", { by: "minisign", key: publicKey, source: source(by) });
  const BOTH = ["SHA256SUMS.minisig", "SHA256SUMS.legacy.minisig"];

  it.each(BOTH)("is believed: %s", async (by) => {
    expect(await publishedDigest(signed(ours, by), fetchText)).toBe(digit(4));
    const line = ours.split("\n")[1] ?? "";
    expect(await publishedDigest(signed(line, by), fetchText)).toBe(digit(4));
  });

  it.each(BOTH)("of another key, of another list, with another comment: %s", async (by) => {
    const other = signed(key("minisign-other.pub"), by);
    expect(await refusal(() => publishedDigest(other, fetchText))).toContain("signed by the key");
    const replaced = (from: string, to: string) => async (where: SourceSpec) =>
      Buffer.from(
        Buffer.from(await fetchText(where))
          .toString("latin1")
          .replace(from, to),
        "latin1",
      );
    const list = () => publishedDigest(signed(ours, by), replaced("vmlinuz", "vmlinux"));
    expect(await refusal(list)).toContain("the signature does not match");
    const comment = () => publishedDigest(signed(ours, by), replaced("release 1", "release 2"));
    expect(await refusal(comment)).toContain("the trusted comment was changed");
  });

  it.each(BOTH)("that is cut off is refused: %s", async (by) => {
    const whole = fixture(by);
    for (let cut = 0; cut < whole.length - 1; cut++) {
      const fetchCut = async (from: SourceSpec): Promise<Uint8Array> =>
        from.kind === "file" && from.file.endsWith("minisig")
          ? whole.subarray(0, cut)
          : fetchText(from);
      await refusal(() => publishedDigest(signed(ours, by), fetchCut));
    }
  });
});
