/** A statement of dhcpd.conf(5): its words, and what stands in braces behind it. */
export interface DhcpdStatement {
  readonly line: number;
  /** Quoted texts without their quotes; a comma ends a word. */
  readonly words: readonly string[];
  readonly block: readonly DhcpdStatement[] | undefined;
}

/** Blocks in blocks: more than this no configuration has. */
const MAX_DEPTH = 16;

interface Token {
  readonly text: string;
  readonly line: number;
  /** `{`, `}`, `;` as such, and not in quotes. */
  readonly mark: boolean;
}

/** Takes a dhcpd.conf apart. What is not closed at the end counts as closed there. */
export function dhcpdStatements(text: string): readonly DhcpdStatement[] {
  const tokens = tokensOf(text);
  return statements(tokens, { at: 0 }, 0);
}

function statements(
  tokens: readonly Token[],
  cursor: { at: number },
  depth: number,
): DhcpdStatement[] {
  const found: DhcpdStatement[] = [];
  let words: string[] = [];
  let line = 0;
  while (cursor.at < tokens.length) {
    const token = tokens[cursor.at];
    cursor.at += 1;
    if (!token) break;
    if (token.mark && token.text === "}") {
      if (depth > 0) break;
      continue;
    }
    if (token.mark) {
      const block =
        token.text === "{" && depth < MAX_DEPTH ? statements(tokens, cursor, depth + 1) : undefined;
      if (words.length > 0 || block) found.push({ line: line || token.line, words, block });
      words = [];
      line = 0;
    } else {
      if (words.length === 0) line = token.line;
      words.push(token.text);
    }
  }
  if (words.length > 0) found.push({ line, words, block: undefined });
  return found;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (const [piece, quoted, mark, word] of text.matchAll(
    /#[^\n]*|\n|"((?:[^"\\\n]|\\.)*)"|([{};])|([^\s{};",#]+)|,|./g,
  )) {
    if (piece === "\n") line += 1;
    else if (quoted !== undefined) tokens.push({ text: quoted, line, mark: false });
    else if (mark !== undefined) tokens.push({ text: mark, line, mark: true });
    else if (word !== undefined) tokens.push({ text: word, line, mark: false });
  }
  return tokens;
}
