/** Outcome of pointing a view at octets. 0 is success, so that `if (status)` means failure. */
export const Status = {
  Ok: 0,
  /** Fewer octets than the fixed part needs. */
  Truncated: 1,
  /** A length field contradicts the octets that are there. */
  BadLength: 2,
  /** A fixed value (magic cookie, message type, boolean) is wrong. */
  BadMagic: 3,
  /** A version that this codec does not speak. */
  BadVersion: 4,
  /** A code that decides the layout is unknown, so what follows cannot be read. */
  BadCode: 5,
  /** A text lacks its terminator, or holds octets that its protocol forbids. */
  BadText: 6,
  /** A checksum is present and wrong. */
  BadChecksum: 7,
  /** More items than the protocol's limit, or than this codec is prepared to walk. */
  TooMany: 8,
  /** Nested deeper than the limit. */
  TooDeep: 9,
  /** Something is there twice that may be there once. */
  Duplicate: 10,
  /** Another form than the one that the protocol allows for this value. */
  NotCanonical: 11,
  /** Octets follow the end of the message. */
  Trailing: 12,
} as const;

export type Status = (typeof Status)[keyof typeof Status];

const NAMES: readonly string[] = [
  "ok",
  "truncated",
  "bad-length",
  "bad-magic",
  "bad-version",
  "bad-code",
  "bad-text",
  "bad-checksum",
  "too-many",
  "too-deep",
  "duplicate",
  "not-canonical",
  "trailing",
];

/** The status in kebab-case, as counters and `decode` print it. */
export function statusName(status: Status): string {
  return NAMES[status] ?? "unknown";
}
