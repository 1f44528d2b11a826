/** Whether a text (a file name, a vendor class) matches a pattern: `*` is any characters, `?` one. Case counts. Takes at most length × length steps. */
export function matchesWildcard(name: string, pattern: string): boolean {
  const [n, p] = [[...name], [...pattern]];
  let [i, j] = [0, 0];
  /** Where the last `*` was, and how far it reaches so far. */
  let [star, reach] = [-1, 0];
  while (i < n.length) {
    if (p[j] === "*") {
      star = j++;
      reach = i;
    } else if (j < p.length && (p[j] === "?" || p[j] === n[i])) {
      i++;
      j++;
    } else if (star >= 0) {
      j = star + 1;
      i = ++reach;
    } else {
      return false;
    }
  }
  while (p[j] === "*") j++;
  return j === p.length;
}
