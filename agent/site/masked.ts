/** Characters of a value that are shown. */
const SHOWN = 44;
/** Characters that are shown in front of the first difference. */
const CONTEXT = 10;

/** Names of variables and parameters whose values are nobody's business. */
const SECRET_NAME = /pass|secret|token|psk|priv|credential|(?:^|[._-])(?:key|api_?key)$|[a-z]Key$/i;
/** `user:password@` of a URL within a text. */
const USERINFO = /(:\/\/)[^/?#\s@]*@/g;
/** `name=value` as command lines and URLs have it. */
const PARAMETER = /([A-Za-z0-9_.-]+)=("[^"]*"|[^\s&]+)/g;
const ASTERISKS = "***";

/** A value as it may be shown: asterisks for what looks like a credential, by its key or within the text. */
export function masked(key: string, text: string): string {
  if (key.startsWith("vars.") && SECRET_NAME.test(key.slice(5))) return ASTERISKS;
  return text
    .replace(USERINFO, `$1${ASTERISKS}@`)
    .replace(PARAMETER, (all, name: string) =>
      SECRET_NAME.test(name) ? `${name}=${ASTERISKS}` : all,
    );
}

/** Both texts, if they are long no more of them than the surroundings of the first difference. */
export function excerpts(a: string, b: string): readonly [string, string] {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  const from = Math.max(a.length, b.length) <= SHOWN ? 0 : Math.max(0, same - CONTEXT);
  return [excerpt(a, from), excerpt(b, from)];
}

function excerpt(text: string, from: number): string {
  const start = from > 0 ? `…${text.slice(from)}` : text;
  return start.length > SHOWN ? `${start.slice(0, SHOWN - 1)}…` : start;
}
