import type { ClockEvidence } from "./clock-evidence.ts";
import { StoreError } from "./store-error.ts";

/** Of what failed, for the message: "https://…: the connection was refused". */
export interface FailureContext {
  /** `urlLabel` of what was asked. */
  readonly label: string;
  /** Host and port of the proxy that was asked. */
  readonly proxy: string | undefined;
  readonly clock: ClockEvidence;
}

/** What the system, TLS or undici says, in words. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name service knows no such host",
  EAI_AGAIN: "the name service does not answer",
  EAI_FAIL: "the name service failed",
  EAI_NODATA: "the name has no address",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  ECONNABORTED: "the connection was aborted",
  EPIPE: "the connection was closed while the request was sent",
  ETIMEDOUT: "the connection timed out",
  EHOSTUNREACH: "there is no route to the host",
  EHOSTDOWN: "the host is down",
  ENETUNREACH: "the network cannot be reached",
  ENETDOWN: "the network is down",
  EADDRNOTAVAIL: "this host has no address to ask from",
  EMFILE: "this host has no file descriptors left",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer came in time",
  UND_ERR_BODY_TIMEOUT: "nothing more came for too long",
  UND_ERR_SOCKET: "the connection was closed without an answer",
  UND_ERR_CLOSED: "the stores are closed",
  UND_ERR_DESTROYED: "the stores are closed",
};

const TLS: Readonly<Record<string, string>> = {
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is from an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is from an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is from an authority that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is from an authority that is not trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS; is it an http: address?",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS; is it an http: address?",
  ERR_SSL_HTTP_REQUEST: "it does not speak TLS; is it an http: address?",
};

/** Codes of OpenSSL's verification and of Node's TLS that have no words of their own above. */
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|HOSTNAME_MISMATCH|EPROTO$)/;

/** The stable code that Node, OpenSSL or undici gave an error, its causes searched to a small depth; "" for none. */
export function codeOf(error: unknown): string {
  let e: unknown = error;
  for (let depth = 0; depth < 4 && e instanceof Error; depth++) {
    // The parser's errors have no code in this version of undici, but for their name.
    if (e.name === "HTTPParserError") return "HPE";
    // Undici wraps a certificate for another name behind a proxy.
    if ("code" in e && typeof e.code === "string" && e.code !== "UND_ERR_PRX_TLS") return e.code;
    e = e.cause;
  }
  return "";
}

/** What a request that got no answer, or one that is no HTTP, is reported as. */
export function connectionFailure(cause: unknown, context: FailureContext): StoreError {
  const code = codeOf(cause);
  const at =
    context.proxy === undefined ? context.label : `${context.label} by proxy ${context.proxy}`;
  const refusal = /^Proxy response \((\d+)\)/.exec(
    cause instanceof Error ? cause.message : "",
  )?.[1];
  if (refusal !== undefined) return proxyFailure(Number(refusal), at, cause);
  if (code in UNREACHABLE) {
    return new StoreError("E_STORE_UNREACHABLE", `${at}: ${UNREACHABLE[code]}`, { cause });
  }
  if (code in TLS || TLS_CODE.test(code)) return tlsFailure(code, at, context.clock, cause);
  if (code === "HPE" || code.startsWith("UND_ERR_RES") || code === "UND_ERR_HEADERS_OVERFLOW") {
    return new StoreError("E_STORE_BROKEN", `${at}: its answer is not proper HTTP`, { cause });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError("E_STORE_UNREACHABLE", `${at}: ${why || "the connection failed"}`, {
    cause,
  });
}

function proxyFailure(status: number, at: string, cause: unknown): StoreError {
  const wantsLogin = status === 407;
  return new StoreError(
    wantsLogin ? "E_STORE_REFUSED" : "E_STORE_UNREACHABLE",
    `${at}: the proxy answered ${status}`,
    {
      cause,
      status,
      ...(wantsLogin && { cure: PROXY_LOGIN }),
    },
  );
}

/** What to do when a proxy wants credentials. */
export const PROXY_LOGIN =
  "Put the proxy's user and password into HTTP_PROXY or HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT.";

function tlsFailure(code: string, at: string, clock: ClockEvidence, cause: unknown): StoreError {
  const why = TLS[code] ?? `TLS failed (${code})`;
  if (code !== "CERT_NOT_YET_VALID" && code !== "CERT_HAS_EXPIRED") {
    return new StoreError("E_STORE_TLS", `${at}: ${why}`, { cause });
  }
  const doubt = clock.doubt();
  if (doubt !== undefined) return new StoreError("E_CLOCK", `${at}: ${why}: ${doubt}`, { cause });
  return new StoreError("E_STORE_TLS", `${at}: ${why}; the host's clock says ${clock.says()}`, {
    cause,
    cure: "If the host's clock is right, the store needs a new certificate; if not, set the clock.",
  });
}

/** What a body that did not come to its end is reported as. `got` and `length`: octets, of those announced. */
export function bodyFailure(
  cause: unknown,
  context: FailureContext,
  got: number,
  length: number | undefined,
): StoreError {
  const code = codeOf(cause);
  const progress = `after ${got} of ${length ?? "an unknown number of"} octets`;
  if (code === "UND_ERR_BODY_TIMEOUT") {
    return new StoreError("E_STORE_UNREACHABLE", `${context.label}: it stalled ${progress}`, {
      cause,
    });
  }
  if (code === "UND_ERR_SOCKET" || code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return new StoreError("E_STORE_BROKEN", `${context.label}: it ended ${progress}`, { cause });
  }
  if (code === "HPE" || code.startsWith("Z_") || code.startsWith("ERR_")) {
    return new StoreError("E_STORE_BROKEN", `${context.label}: its body is damaged ${progress}`, {
      cause,
    });
  }
  const why = UNREACHABLE[code] ?? "the connection failed";
  return new StoreError("E_STORE_UNREACHABLE", `${context.label}: ${why} ${progress}`, { cause });
}
