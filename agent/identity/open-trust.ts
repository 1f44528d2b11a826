import { AgentError } from "../errors.ts";
import type { Database, Table } from "../state/database.ts";
import { shortFingerprint } from "./fingerprint.ts";
import type { PublicKey } from "./keys.ts";
import { operatorNameFault } from "./public-key-text.ts";
import type { Operator, Trust, TrustOrigin } from "./trust.ts";

/** Operators who are trusted at one time. */
export const MAX_OPERATORS = 64;
/** Those who were revoked are remembered for ever, and keys are cheap to make. */
const MAX_RECORDS = 1024;

/** By fingerprint. */
interface TrustRecord {
  /** Counts them in the order in which they came. */
  readonly order: number;
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly since: string;
  readonly origin: TrustOrigin;
  readonly revoked?: string;
}

/**
 * The operators that a state folder's database knows. Every look is into the database, so that what another process changed is
 * seen at once.
 *
 * `wallMs`: the host's clock, milliseconds since 1970; it is only noted.
 */
export function openTrust(database: Database, wallMs: () => number): Trust {
  return new KeptTrust(database, wallMs);
}

class KeptTrust implements Trust {
  private readonly database: Database;
  private readonly table: Table<TrustRecord>;
  private readonly wallMs: () => number;

  constructor(database: Database, wallMs: () => number) {
    this.database = database;
    this.table = database.table<TrustRecord>("trust.operators");
    this.wallMs = wallMs;
  }

  get unclaimed(): boolean {
    return this.table.getCount() === 0;
  }

  list(): readonly Operator[] {
    return this.records().map(({ fingerprint, record }) => operatorOf(fingerprint, record));
  }

  find(fingerprint: string): Operator | undefined {
    const record = this.table.get(fingerprint);
    if (record === undefined || record.revoked !== undefined) return undefined;
    return operatorOf(fingerprint, record);
  }

  async add(name: string, key: PublicKey, origin: TrustOrigin): Promise<Operator> {
    const fault = operatorNameFault(name);
    if (fault !== undefined) throw new AgentError("E_TRUST", `the operator: ${fault}`);
    const { fingerprint, octets } = key;
    const record = await this.database.transaction(() => {
      const known = this.table.get(fingerprint);
      if (known?.revoked !== undefined) throw revokedBefore(fingerprint, known.revoked);
      const next = known ? { ...known, name } : this.newRecord(name, octets, origin);
      void this.table.put(fingerprint, next);
      return next;
    });
    return operatorOf(fingerprint, record);
  }

  async revoke(fingerprint: string): Promise<Operator> {
    const record = await this.database.transaction(() => {
      const known = this.table.get(fingerprint);
      if (known === undefined) {
        throw new AgentError("E_TRUST", `no operator has the key ${shortFingerprint(fingerprint)}`);
      }
      if (known.revoked !== undefined) return known;
      if (this.trusted() === 1) {
        throw new AgentError("E_TRUST", `${known.name} is the last operator who is trusted`, {
          cure: "Add another one first: an agent that trusts nobody could not be steered any more.",
        });
      }
      const next = { ...known, revoked: isoOf(this.wallMs()) };
      void this.table.put(fingerprint, next);
      return next;
    });
    return operatorOf(fingerprint, record);
  }

  private newRecord(name: string, publicKey: Uint8Array, origin: TrustOrigin): TrustRecord {
    if (this.trusted() >= MAX_OPERATORS || this.table.getCount() >= MAX_RECORDS) {
      throw new AgentError("E_TRUST", `the agent trusts ${this.trusted()} operators already`, {
        cure: `Revoke one first: it takes ${MAX_OPERATORS} at a time, and ${MAX_RECORDS} with those who were revoked.`,
      });
    }
    const order = 1 + (this.records().at(-1)?.record.order ?? 0);
    return { order, name, publicKey, since: isoOf(this.wallMs()), origin };
  }

  private trusted(): number {
    return this.records().filter(({ record }) => record.revoked === undefined).length;
  }

  private records(): readonly { readonly fingerprint: string; readonly record: TrustRecord }[] {
    const all = this.table
      .getRange()
      .map(({ key, value }) => ({ fingerprint: key, record: value }));
    return [...all].sort((a, b) => a.record.order - b.record.order);
  }
}

function operatorOf(fingerprint: string, record: TrustRecord): Operator {
  const { order: _, publicKey, ...rest } = record;
  return { ...rest, key: { fingerprint, octets: Uint8Array.from(publicKey) } };
}

function revokedBefore(fingerprint: string, revoked: string): AgentError {
  const message = `the key ${shortFingerprint(fingerprint)} was revoked on ${revoked.slice(0, 10)}`;
  return new AgentError("E_TRUST", message, {
    cure: "Make a new key with `pilotlight keygen`: one that was revoked is never trusted again.",
  });
}

/** A clock may say anything; a date has its limits (ECMA-262 section 21.4.1.1). */
function isoOf(ms: number): string {
  return new Date(Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? ms : 0).toISOString();
}
