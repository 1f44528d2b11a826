/** Longest WWW-Authenticate that is looked at, characters. */
const HEADER_LIMIT = 8_192;

/** One way in which a server lets itself be asked (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case: "basic", "bearer". */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAM = new RegExp(`(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`, "y");
const SCHEME = new RegExp(`(${TOKEN})(?=[\\s,]|$)`, "y");
const SEPARATOR = /[\s,]*/y;

/**
 * The challenges of a WWW-Authenticate header; several headers are joined by commas. What is not understood ends the list: a
 * challenge that was cut off is of no use.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, HEADER_LIMIT);
  const found: { scheme: string; params: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(SEPARATOR);
    if (at >= text.length) return found;
    const current = found.at(-1);
    // A parameter first: "realm = x" begins as a scheme does.
    const param = current === undefined ? null : take(PARAM);
    if (param !== null) {
      const [, name = "", quoted, plain] = param;
      current?.params.set(name.toLowerCase(), plain ?? (quoted ?? "").replace(/\\(.)/g, "$1"));
      continue;
    }
    const scheme = take(SCHEME);
    if (scheme === null) return found;
    found.push({ scheme: (scheme[1] ?? "").toLowerCase(), params: new Map() });
  }
}
