/**
 * Flavors of credentials and verifiers (RFC 5531 section 8.2). AUTH_UNIX is what RFC 5531 calls AUTH_SYS.
 *
 * Others are kept as numbers: their bodies are opaque here.
 */
export const AuthFlavor = { None: 0, Unix: 1, Short: 2, Des: 3 } as const;

/** Longest body of a credential or verifier in octets (RFC 5531 section 8.2). */
export const AUTH_BODY_MAX = 400;
/** Longest machine name in an AUTH_UNIX credential (RFC 5531 appendix A). */
export const MACHINE_NAME_MAX = 255;
/** Most supplementary groups in an AUTH_UNIX credential (RFC 5531 appendix A). */
export const GROUPS_MAX = 16;

/** Why a credential was refused (RFC 5531 section 9, auth_stat); what is not listed is kept as a number. */
export const AuthStat = {
  Ok: 0,
  BadCred: 1,
  RejectedCred: 2,
  BadVerf: 3,
  RejectedVerf: 4,
  TooWeak: 5,
  InvalidResp: 6,
  Failed: 7,
  KerbGeneric: 8,
  TimeExpire: 9,
  TktFile: 10,
  Decode: 11,
  NetAddr: 12,
  RpcSecGssCredProblem: 13,
  RpcSecGssCtxProblem: 14,
} as const;

/** An AUTH_UNIX credential as a client decides it (RFC 5531 appendix A). */
export interface AuthUnixRepr {
  /** Any number the client likes; default 0. */
  readonly stamp?: number;
  /** At most 255 octets. Boot firmware sends an empty one. */
  readonly machineName: string;
  readonly uid: number;
  readonly gid: number;
  /** At most 16; default none. */
  readonly groups?: readonly number[];
}
