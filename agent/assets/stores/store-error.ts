import { AgentError, type AgentErrorOptions, type ErrorCode } from "../../errors.ts";

/** What goes with a {@link StoreError} beside its message. */
export interface StoreErrorOptions extends AgentErrorOptions {
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly answer?: string;
}

/** An operation on a store failed. */
export class StoreError extends AgentError {
  /** The HTTP status that says so, where it was one. */
  readonly status: number | undefined;
  /** How long the store wants to be left alone (Retry-After, RFC 9110 section 10.2.3), milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The beginning of what came with a status that was not wanted, at most 4 KiB: not for messages as it stands. */
  readonly answer: string | undefined;

  constructor(code: ErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(code, message, options);
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.answer = options.answer;
  }
}
