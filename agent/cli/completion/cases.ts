import type { CommandNode, Kind } from "./tree.ts";

/** How a shell writes a branch of its `case`: `patterns` as they are, already quoted. */
export type Branch = (patterns: readonly string[], body: string) => string;

/** A word between single quotes, as every shell takes it. */
export type Quote = (text: string) => string;

/** A shell's way of writing. */
export interface Dialect {
  readonly branch: Branch;
  readonly quote: Quote;
  /** A pattern for whatever begins so. */
  readonly beginning: (text: string) => string;
  /** Sets where in the tree the words lead to. */
  readonly descend: (path: string) => string;
  readonly print: (words: string) => string;
}

/** Branches of PATH/WORD: the command that a word leads to. */
export function descents(nodes: readonly CommandNode[], d: Dialect): string {
  return lines(nodes, ({ path, commands }) =>
    commands.map(({ name }) =>
      d.branch([d.quote(`${path}/${name}`)], d.descend(path === "" ? name : `${path} ${name}`)),
    ),
  );
}

/** Branches of PATH/OPTION: what the value of an option is. */
export function values(nodes: readonly CommandNode[], d: Dialect): string {
  return lines(nodes, ({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined
        ? []
        : [
            d.branch(
              flags.map((flag) => d.quote(`${path}/${flag}`)),
              d.print(d.quote(word(value))),
            ),
          ],
    ),
  );
}

/** Branches of PATH/NUMBER: what the argument of this number is; `commands`: the name of a command. */
export function argumentsOf(nodes: readonly CommandNode[], d: Dialect): string {
  return lines(nodes, ({ path, commands, args, variadic }) => {
    if (commands.length > 0) return [d.branch([d.quote(`${path}/0`)], d.print("commands"))];
    const branches = args.map((kind, i) =>
      d.branch([d.quote(`${path}/${i}`)], d.print(d.quote(word(kind)))),
    );
    const last = args.at(-1);
    if (!variadic || last === undefined) return branches;
    return [...branches, d.branch([d.beginning(`${path}/`)], d.print(d.quote(word(last))))];
  });
}

/** Branches of PATH: what `each` makes of a command; nothing where it makes nothing. */
export function perCommand(
  nodes: readonly CommandNode[],
  d: Dialect,
  each: (node: CommandNode) => readonly string[],
): string {
  return lines(nodes, (node) => {
    const words = each(node);
    return words.length === 0
      ? []
      : [d.branch([d.quote(node.path)], d.print(words.map(d.quote).join(" ")))];
  });
}

function lines(
  nodes: readonly CommandNode[],
  each: (node: CommandNode) => readonly string[],
): string {
  return nodes
    .flatMap(each)
    .map((line) => `    ${line}`)
    .join("\n");
}

function word(kind: Kind): string {
  return typeof kind === "string" ? kind : `words ${kind.words.join(" ")}`;
}

/** As POSIX has it. */
export function posixQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
