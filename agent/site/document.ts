import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import { type Path, Problems } from "./problems.ts";
import { isSecret, isSecretKey } from "./secrets.ts";
import { place, quote } from "./wording.ts";

/** A site file as plain data, with the place of every key and value noted in `problems`. */
export interface SiteDocument {
  /** Undefined when the text is not YAML that we accept: `problems` says why. */
  readonly data: Record<string, unknown> | undefined;
  readonly problems: Problems;
}

/** How deep and how large a document may be: far above any site, far below what would hurt a small board. */
const MAX_DEPTH = 16;
const MAX_OCTETS = 4 << 20;

/** Names that JavaScript objects answer to by themselves. */
const RESERVED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** What to do about the errors of the YAML parser, by its codes. */
const SYNTAX_CURES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "indent with spaces",
  BAD_INDENT: "line it up with its neighbours, and close every bracket that was opened",
  BLOCK_AS_IMPLICIT_KEY:
    'only one "key: value" fits on a line: check the indentation, or put text that has ": " in quotes',
  BAD_SCALAR_START: "put the text in quotes",
  MISSING_CHAR: "close the quote or bracket, or put a colon and a space after the key",
  BAD_DQ_ESCAPE: "double the backslash, or use single quotes",
  MULTIPLE_DOCS:
    'a site is one document: remove the "---" and what is after it, or make it a file of its own',
  TAG_RESOLVE_FAILED: "a site file needs no tags: remove it, or put the text in quotes",
};

/** Parses the text. Of several syntax errors on one line only the first is kept: the others follow from it. */
export function readDocument(text: string, file: string): SiteDocument {
  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  if (body.length > MAX_OCTETS) {
    const problems = new Problems(file, "");
    problems.addAt(0, "the file is larger than 4 MiB", "give the agent a site file");
    return { data: undefined, problems };
  }
  const problems = new Problems(file, body);
  const doc = parse(body);
  if (doc === undefined) {
    problems.addAt(0, "brackets are nested too deeply", "nothing in a site is that deep");
    return { data: undefined, problems };
  }
  let lastLine = 0;
  for (const error of [...doc.errors, ...doc.warnings]) {
    const line = problems.lineAt(error.pos[0]);
    if (line === lastLine) continue;
    lastLine = line;
    const cure = SYNTAX_CURES[error.code] ?? "mend the YAML here or on the line above";
    // The parser's own words for this one are advice to programmers.
    const several = error.code === "MULTIPLE_DOCS";
    const message = several
      ? "a second document begins here"
      : `not YAML: ${lowerFirst(error.message)}`;
    problems.addAt(error.pos[0], message, cure);
  }
  if (doc.directives?.yaml.explicit && doc.directives.yaml.version !== "1.2") {
    problems.addAt(
      0,
      `YAML ${doc.directives.yaml.version} is asked for: it reads 00:11:22:33:44:55 as a number and off as false`,
      "remove the %YAML line",
    );
  }
  if (problems.count > 0) return { data: undefined, problems };
  problems.place([], { key: 0, value: 0 });
  const root: unknown = doc.contents;
  if (isMap(root)) return { data: new Reader(problems).map(root, []), problems };
  addNotAMap(problems, root);
  return { data: undefined, problems };
}

/** Undefined when the parser, which recurses, ran out of stack. */
function parse(text: string): Document.Parsed | undefined {
  try {
    // Keys that are there twice are reported by the reader, which knows both lines.
    const options = { prettyErrors: false, uniqueKeys: false } as const;
    return parseDocument(text, { ...options, logLevel: "error" });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function addNotAMap(problems: Problems, root: unknown): void {
  if (root === null || (isScalar(root) && root.value === null)) {
    problems.addAt(
      0,
      "the site file is empty",
      'it needs at least "site: NAME" and "network: { address: A.B.C.D/LEN }"',
    );
    return;
  }
  const glued = isScalar(root) && /\w:\w/.test(String(root.value));
  problems.addAt(
    0,
    "the site file must be a map of keys to values",
    glued ? "put a space after each colon" : 'begin with "site: NAME"',
  );
}

/** Walks the tree, notes the places, and makes plain data of it. What it reports is left out of the data. */
class Reader {
  private readonly problems: Problems;

  constructor(problems: Problems) {
    this.problems = problems;
  }

  map(
    node: { readonly items: readonly { key: unknown; value: unknown }[] },
    path: Path,
  ): Record<string, unknown> {
    const data: Record<string, unknown> = {};
    for (const { key, value } of node.items) {
      const name = this.key(key, path);
      if (name === undefined) continue;
      const here = [...path, name];
      if (isSecretKey(path, name)) this.hideNode(key);
      this.hide(here, value);
      if (Object.hasOwn(data, name)) {
        this.problems.addAt(
          startOf(key),
          `${quote(name)} is there twice in ${place(path)}`,
          `keep one of the two: the other is on line ${this.problems.lineOf(here)}`,
        );
        continue;
      }
      this.note(here, value, startOf(key));
      const plain = this.value(value, here);
      if (plain !== undefined) data[name] = plain;
    }
    return data;
  }

  private key(key: unknown, path: Path): string | undefined {
    if (!isScalar(key)) {
      this.problems.addAt(
        startOf(key),
        `a key in ${place(path)} is not plain text`,
        'write "key: value"; put text that begins with a bracket, * or & in quotes',
      );
      return undefined;
    }
    const name = typeof key.value === "string" ? key.value : (key.source ?? "");
    if (!RESERVED.has(name)) return name;
    this.problems.addAt(startOf(key), `${quote(name)} cannot be a name`, "choose another name");
    return undefined;
  }

  private value(node: unknown, path: Path): unknown {
    if (path.length > MAX_DEPTH) {
      this.problems.add(
        path,
        `${place(path)} is nested too deeply`,
        "nothing in a site is that deep",
      );
      return undefined;
    }
    if (isMap(node)) return this.map(node, path);
    if (isSeq(node)) {
      return node.items.map((item, i) => {
        const here = [...path, String(i)];
        this.hide(here, item);
        this.note(here, item);
        return this.value(item, here) ?? null;
      });
    }
    if (isAlias(node)) {
      this.problems.add(
        path,
        "a site file takes no YAML aliases",
        "write the value out; what machines share belongs in a profile or in defaults",
      );
      return undefined;
    }
    return isScalar(node) ? node.value : null;
  }

  private hide(path: Path, node: unknown): void {
    if (isMap(node)) return;
    const text = isScalar(node) ? String(node.value) : undefined;
    if (isSecret(path, text)) this.hideNode(node);
  }

  private hideNode(node: unknown): void {
    const { range } = (node as Node | null) ?? {};
    if (range) this.problems.hide(range[0], range[1]);
  }

  private note(path: Path, node: unknown, key?: number): void {
    const empty = node === null || (isScalar(node) && node.value === null && node.source === "");
    this.problems.place(path, {
      ...(key === undefined ? {} : { key }),
      ...(empty ? {} : { value: startOf(node) }),
      ...(isScalar(node) && node.source !== undefined ? { written: node.source } : {}),
    });
  }
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
