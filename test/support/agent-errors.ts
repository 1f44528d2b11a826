import { expect } from "vitest";
import { AgentError, type ErrorCode } from "../../agent/errors.ts";

/** The AgentError that `action` throws; it must have this code. */
export function codeOf(code: ErrorCode, action: () => unknown): AgentError {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  return expected(code, thrown);
}

/** The same for what rejects. */
export async function rejection(code: ErrorCode, action: Promise<unknown>): Promise<AgentError> {
  return expected(
    code,
    await action.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

function expected(code: ErrorCode, thrown: unknown): AgentError {
  expect(thrown).toBeInstanceOf(AgentError);
  const error = thrown as AgentError;
  expect(error.code).toBe(code);
  return error;
}
