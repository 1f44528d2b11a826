import { timingSafeEqual } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../errors.ts";
import type { Clock } from "../link/clock.ts";
import { errorCode, makeFolder, syncFolder, whyNot } from "../state/folder.ts";
import { replaceFile } from "../state/replace-file.ts";
import {
  claimedProof,
  claimProof,
  MAX_NONCE,
  MIN_NONCE,
  newClaimCode,
  PROOF_LEN,
  parseClaimCode,
} from "./claim-proof.ts";
import { publicKeyFromOctets } from "./ed25519.ts";
import { grouped } from "./fingerprint.ts";
import type { PublicKey } from "./keys.ts";
import { operatorNameFault } from "./public-key-text.ts";
import type { Operator, Trust } from "./trust.ts";

/** How long after a wrong code the next is not looked at. */
const PAUSE_MS = 1_000;
/** Wrong codes after which there is a new one. */
const MOST_WRONG = 10;

/** What somebody sends who wants to be the first operator. Lengths are checked here. */
export interface ClaimRequest {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  readonly name: string;
  /** One that the agent gave out and that was not used before: that is checked by who took the request. */
  readonly nonce: Uint8Array;
  readonly proof: Uint8Array;
}

export interface ClaimAnswer {
  /** That the agent knows the code as well. */
  readonly proof: Uint8Array;
  readonly operator: Operator;
}

export interface ClaimDeskOptions {
  /** The code is kept below it, so that a restart shows the same. */
  readonly stateDir: string;
  readonly trust: Trust;
  /** Of the agent's identity key. */
  readonly fingerprint: string;
  readonly clock: Clock;
  /** The code to show is another now; undefined: it is used, or nobody needs it any more. */
  readonly changed?: (code: string | undefined) => void;
}

/**
 * Where the first operator of an agent gets trusted: by proving to know a code that is shown on the agent's console.
 *
 * There is a code only while nobody was ever trusted. Opening rejects with E_STATE when it cannot be kept.
 */
export async function openClaimDesk(options: ClaimDeskOptions): Promise<ClaimDesk> {
  const file = path.join(options.stateDir, "identity", "claim-code");
  makeFolder(path.dirname(file), "E_STATE");
  if (!options.trust.unclaimed) {
    await forget(file);
    return new ClaimDesk(options, file, undefined);
  }
  const kept = await readCode(file);
  const code = kept ?? newClaimCode();
  if (kept === undefined) await keep(file, code);
  return new ClaimDesk(options, file, code);
}

export class ClaimDesk {
  private readonly options: ClaimDeskOptions;
  private readonly file: string;
  /** Without dashes. */
  private secret: string | undefined;
  private wrong = 0;
  /** Monotonic, ms: no code is looked at before. */
  private pausedUntil = Number.NEGATIVE_INFINITY;
  /** A claim that is being written down, or a code that is being changed. */
  private busy = false;

  constructor(options: ClaimDeskOptions, file: string, code: string | undefined) {
    this.options = options;
    this.file = file;
    this.secret = code;
  }

  /** The code for people, in groups of four; undefined when there is none. */
  get code(): string | undefined {
    return this.secret === undefined || !this.options.trust.unclaimed
      ? undefined
      : grouped(this.secret);
  }

  /**
   * Rejects with E_CLAIM: somebody was faster, or the code is wrong; E_BUSY within a second after a wrong one; E_PROTOCOL and
   * E_KEY for what cannot be a claim, which costs no try.
   */
  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const key = checked(request);
    const { trust, fingerprint, clock } = this.options;
    if (this.secret === undefined || !trust.unclaimed) throw taken();
    if (this.busy || clock.now() < this.pausedUntil) throw busy();
    const code = this.secret;
    const facts = { fingerprint, nonce: request.nonce, publicKey: key.octets };
    if (!timingSafeEqual(claimProof(code, facts), request.proof)) throw await this.refuse();
    const operator = await this.trustFirst(request.name, key);
    return { proof: claimedProof(code, facts), operator };
  }

  /** Takes the code away when somebody became trusted by another way: a command on the host, the boot medium. */
  async closeIfClaimed(): Promise<void> {
    if (this.secret === undefined || this.options.trust.unclaimed) return;
    await this.close();
  }

  private async trustFirst(name: string, key: PublicKey): Promise<Operator> {
    this.busy = true;
    try {
      const operator = await this.options.trust.add(name, key, { by: "claim" });
      await this.close();
      return operator;
    } finally {
      this.busy = false;
    }
  }

  private async close(): Promise<void> {
    this.secret = undefined;
    this.options.changed?.(undefined);
    // A code that stays after all is taken away at the next start.
    await forget(this.file).catch(() => undefined);
  }

  private async refuse(): Promise<AgentError> {
    this.pausedUntil = this.options.clock.now() + PAUSE_MS;
    this.wrong++;
    if (this.wrong < MOST_WRONG) return new AgentError("E_CLAIM", "the code is wrong");
    this.busy = true;
    try {
      const code = newClaimCode();
      // One that could not be kept is worth as much: only a restart shows the old one again.
      await keep(this.file, code).catch(() => undefined);
      this.secret = code;
      this.wrong = 0;
      this.options.changed?.(grouped(code));
    } finally {
      this.busy = false;
    }
    return new AgentError(
      "E_CLAIM",
      `the code is wrong, as ${MOST_WRONG} were: there is a new one`,
    );
  }
}

function checked({ publicKey, name, nonce, proof }: ClaimRequest): PublicKey {
  const fault = operatorNameFault(name);
  if (fault !== undefined) throw new AgentError("E_PROTOCOL", `the claim: ${fault}`);
  if (nonce.length < MIN_NONCE || nonce.length > MAX_NONCE || proof.length !== PROOF_LEN) {
    throw new AgentError("E_PROTOCOL", "the claim: its nonce or its proof has a wrong length");
  }
  return publicKeyFromOctets(publicKey);
}

function taken(): AgentError {
  return new AgentError("E_CLAIM", "the agent trusts somebody already");
}

function busy(): AgentError {
  return new AgentError("E_BUSY", "another code was tried just now", {
    cure: "Try again in a second. If it is always so, somebody else is trying: use `pilotlight trust add` on the agent's host.",
  });
}

/** Undefined when there is none; one that is damaged was shown to nobody, or can be shown anew. */
async function readCode(file: string): Promise<string | undefined> {
  try {
    return parseClaimCode(await readFile(file, "latin1"));
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return undefined;
    throw new AgentError("E_STATE", `cannot read ${file}: ${whyNot(file, cause)}`, { cause });
  }
}

async function keep(file: string, code: string): Promise<void> {
  try {
    await replaceFile(file, `${grouped(code)}\n`, 0o600);
  } catch (cause) {
    throw new AgentError("E_STATE", `cannot write ${file}: ${whyNot(file, cause)}`, { cause });
  }
}

async function forget(file: string): Promise<void> {
  await rm(file, { force: true });
  await syncFolder(path.dirname(file));
}
