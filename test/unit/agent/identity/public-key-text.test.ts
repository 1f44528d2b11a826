import { describe, expect, it } from "vitest";
import { formatPublicKey, parsePublicKey } from "../../../../agent/identity/public-key-text.ts";
import { codeOf } from "../../../support/agent-errors.ts";
import { EVA } from "../../../support/operator-keys.ts";

const LINE = formatPublicKey({ key: EVA.publicKey, name: "eva@laptop" });
const [KIND = "", BASE64 = ""] = LINE.split(" ");

describe("parsePublicKey", () => {
  it("reads what formatPublicKey writes", () => {
    expect(LINE).toMatch(/^pilotlight-ed25519 [A-Za-z0-9+/]{43}= eva@laptop$/);
    for (const name of ["eva@laptop", "Eva Müller", "x".repeat(64)]) {
      const line = formatPublicKey({ key: EVA.publicKey, name });
      expect(parsePublicKey(`  ${line}\n`)).toEqual({ key: EVA.publicKey, name });
    }
    expect(parsePublicKey(LINE.replace(" eva", "  \teva")).name).toBe("eva@laptop");
  });

  it.each([
    ["nothing", "", "does not begin"],
    ["a key of SSH", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== eva", "SSH"],
    ["a private key", EVA.toPem(), "private key"],
    ["two lines", `${LINE}\n${LINE}`, "one line"],
    ["no name", `${KIND} ${BASE64}`, "no name"],
    ["base64 without padding", LINE.replace("=", ""), "base64"],
    ["base64url", `${KIND} ${"-".repeat(43)}= eva`, "base64"],
    ["31 octets", `${KIND} ${Buffer.alloc(31).toString("base64")} eva`, "32 octets"],
    ["a key of small order", `${KIND} ${Buffer.alloc(32).toString("base64")} eva`, "small order"],
    ["a name that turns the direction of writing", `${LINE}\u202e`, "printed"],
    ["a name with an escape", `${LINE}\u001b[31m`, "printed"],
    ["a long name", `${KIND} ${BASE64} ${"x".repeat(65)}`, "longer"],
    ["an endless line", `${LINE}${"x".repeat(100_000)}`, "one line"],
  ])("refuses %s", (_, line, words) => {
    const error = codeOf("E_KEY", () => parsePublicKey(line));
    expect(error.message).toContain(words);
    expect(error.message.length).toBeLessThan(200);
  });
});
