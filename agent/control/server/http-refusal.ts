import { AgentError, type AgentErrorOptions, type ErrorCode } from "../../errors.ts";

/** A refusal whose HTTP status says more than its code. */
export class HttpRefusal extends AgentError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    options: AgentErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(code, message, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  E_PROTOCOL: 400,
  E_USAGE: 400,
  E_BUNDLE: 400,
  E_FORBIDDEN: 403,
  E_CLAIM: 403,
  E_NOT_FOUND: 404,
  E_SITE_INVALID: 422,
  E_BUG: 500,
  E_BUSY: 503,
};

/** The HTTP status (RFC 9110 section 15) that goes with an error: 409 for what the agent's state forbids. */
export function httpStatus(error: AgentError): number {
  return error instanceof HttpRefusal ? error.status : (STATUS[error.code] ?? 409);
}
