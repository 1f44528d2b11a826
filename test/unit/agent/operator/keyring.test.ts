import { chmodSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/errors.ts";
import { parsePublicKey } from "../../../../agent/identity/public-key-text.ts";
import { OperatorHome } from "../../../../agent/operator/home.ts";
import { Keyring, makeKey, publicKeyLines } from "../../../../agent/operator/keyring.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const nobody = (): Promise<undefined> => Promise.resolve(undefined);

async function failure(work: () => unknown): Promise<AgentError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error("it succeeded");
}

function home(): OperatorHome {
  return new OperatorHome(path.join(tempDir(), "home"));
}

const EVA = { name: "eva@laptop", passphrase: undefined, force: false };

describe("Keyring", () => {
  it("opens the key that was made, whose public half is beside it", async () => {
    const at = home();
    const made = await makeKey({ home: at, ...EVA });
    const keyring = new Keyring({ home: at, env: {}, ask: nobody });
    expect((await keyring.key()).publicKey).toEqual(made.key.publicKey);
    expect(keyring.publicLine()).toBe(made.line);
    expect(parsePublicKey(made.line)).toEqual({ key: made.key.publicKey, name: "eva@laptop" });
    expect(statSync(made.file).mode & 0o777).toBe(0o600);
  });

  it("does not lose a key without being told to", async () => {
    const at = home();
    const { key } = await makeKey({ home: at, ...EVA });
    expect(await failure(() => makeKey({ home: at, ...EVA }))).toMatchObject({ code: "E_KEY" });
    const keyring = new Keyring({ home: at, env: {}, ask: nobody });
    expect((await keyring.key()).publicKey).toEqual(key.publicKey);
    const other = await makeKey({ home: at, ...EVA, force: true });
    expect(other.key.publicKey).not.toEqual(key.publicKey);
  });

  it("asks for the passphrase once", async () => {
    const at = home();
    await makeKey({ home: at, ...EVA, passphrase: "open sesame" });
    const prompts: string[] = [];
    const ask = (prompt: string): Promise<string> => {
      prompts.push(prompt);
      return Promise.resolve("open sesame");
    };
    const keyring = new Keyring({ home: at, env: {}, ask });
    await Promise.all([keyring.key(), keyring.key()]);
    expect(prompts).toEqual([`Passphrase of ${at.file("operator.key")}: `]);
  });

  it("takes the passphrase from a file, which others may not read", async () => {
    const at = home();
    await makeKey({ home: at, ...EVA, passphrase: "open sesame" });
    const file = path.join(tempDir(), "secret");
    writeFileSync(file, "open sesame\n", { mode: 0o600 });
    const env = { PILOTLIGHT_PASSPHRASE_FILE: file };
    await new Keyring({ home: at, env, ask: nobody }).key();
    chmodSync(file, 0o644);
    expect(await failure(() => new Keyring({ home: at, env, ask: nobody }).key())).toMatchObject({
      code: "E_KEY",
      message: expect.stringContaining("others may read it"),
    });
  });

  it("says what is wrong with a key, and nothing of what is in it", async () => {
    const at = home();
    const open = (file?: string): Promise<AgentError> =>
      failure(() => new Keyring({ home: at, file, env: {}, ask: nobody }).key());
    expect(await open()).toMatchObject({ code: "E_KEY", cure: expect.stringContaining("keygen") });
    await makeKey({ home: at, ...EVA, passphrase: "x" });
    expect(await open()).toMatchObject({ cure: expect.stringContaining("PASSPHRASE_FILE") });
    const wrong = await failure(() =>
      new Keyring({ home: at, env: {}, ask: () => Promise.resolve("y") }).key(),
    );
    expect(wrong).toMatchObject({ code: "E_KEY", message: expect.stringContaining("wrong") });
    const file = path.join(at.dir, "rubbish");
    writeFileSync(file, "very secret rubbish", { mode: 0o600 });
    const rubbish = await open(file);
    expect(rubbish.code).toBe("E_KEY");
    expect(rubbish.message + rubbish.cure).not.toContain("very secret");
    chmodSync(file, 0o604);
    expect(await open(file)).toMatchObject({ cure: expect.stringContaining("chmod 600") });
  });

  it("takes a new passphrase only when it is typed twice alike", async () => {
    const answers = ["a", "b", "c", "c"];
    const ask = (): Promise<string | undefined> => Promise.resolve(answers.shift());
    const keyring = new Keyring({ home: home(), env: {}, ask });
    expect(await failure(() => keyring.newPassphrase())).toMatchObject({ code: "E_KEY" });
    expect(await keyring.newPassphrase()).toBe("c");
  });

  it("reads public keys from an argument or a file, comments left out", () => {
    const line = "pilotlight-ed25519 AAAA eva";
    expect(publicKeyLines(line)).toEqual([line]);
    const dir = tempDir({ keys: `# ours\n\n${line}\n  ${line}  \n` });
    expect(publicKeyLines(path.join(dir, "keys"))).toEqual([line, line]);
    expect(() => publicKeyLines(path.join(dir, "none"))).toThrow(AgentError);
  });
});
