import { type Cddl, type CddlEntry, type CddlType, CONTROLS, PRELUDE } from "./grammar.ts";

const TOKEN =
  /\s+|;[^\n]*|(?<text>"(?:[^"\\]|\\.)*")|(?<tag>#6\.\d+)|(?<number>-?\d+(?!\.?[\w*]))|(?<occurs>\d*\*\d*|[?+])|(?<control>\.[a-z]+(?![\w.]))|(?<name>[A-Za-z_@$](?:[\w@$]|[-.](?=[\w@$-]))*)|(?<sign>=>|\.\.|[=/[\]{}(),:])/y;

interface Token {
  readonly kind: "text" | "tag" | "number" | "occurs" | "control" | "name" | "sign";
  readonly text: string;
  readonly at: number;
}

/** Reads rules. Throws for whatever it does not understand, for a rule that is there twice, and for a name that is nowhere. */
export function parseCddl(source: string): Cddl {
  return new Parser(source).rules();
}

class Parser {
  private readonly source: string;
  private readonly tokens: readonly Token[];
  private at = 0;
  private readonly used = new Set<string>();

  constructor(source: string) {
    this.source = source;
    this.tokens = tokensOf(source);
  }

  rules(): Cddl {
    const rules = new Map<string, CddlType>();
    while (this.at < this.tokens.length) {
      const name = this.take("name");
      this.expect("=");
      if (rules.has(name) || PRELUDE.includes(name)) throw this.wrong(`${name} is there twice`);
      rules.set(name, this.type());
    }
    for (const name of this.used) {
      if (!rules.has(name) && !PRELUDE.includes(name)) throw new Error(`CDDL: no rule ${name}`);
    }
    return rules;
  }

  private type(): CddlType {
    const types = [this.type1()];
    while (this.skip("/")) types.push(this.type1());
    return types.length === 1 && types[0] ? types[0] : { is: "choice", types };
  }

  private type1(): CddlType {
    const target = this.type2();
    if (this.skip("..")) {
      const most = this.type2();
      if (target.is !== "int" || most.is !== "int")
        throw this.wrong("a range of something else than integers");
      return { is: "range", least: target.value, most: most.value };
    }
    if (this.peek()?.kind !== "control") return target;
    const text = this.take("control").slice(1);
    const control = CONTROLS.find((known) => known === text);
    if (!control) throw this.wrong(`the control .${text}`);
    return { is: "control", control, target, by: this.type2() };
  }

  private type2(): CddlType {
    const token = this.peek();
    if (token?.kind === "number") return { is: "int", value: Number(this.take("number")) };
    if (token?.kind === "text") return { is: "text", text: textOf(this.take("text")) };
    if (token?.kind === "name") return this.named(this.take("name"));
    if (token?.kind === "tag") {
      const tag = Number(this.take("tag").slice(3));
      this.expect("(");
      const content = this.type();
      this.expect(")");
      return { is: "tag", tag, content };
    }
    if (this.skip("(")) {
      const inner = this.type();
      this.expect(")");
      return inner;
    }
    if (this.skip("[")) return { is: "array", entries: this.entries("]", false) };
    if (this.skip("{")) return { is: "map", entries: this.entries("}", true) };
    throw this.wrong("a type was expected");
  }

  private named(name: string): CddlType {
    this.used.add(name);
    return { is: "name", name };
  }

  private entries(end: string, isMap: boolean): readonly CddlEntry[] {
    const entries: CddlEntry[] = [];
    while (!this.skip(end)) {
      entries.push(this.entry(isMap));
      this.skip(",");
    }
    return entries;
  }

  private entry(isMap: boolean): CddlEntry {
    const [least, most] = this.peek()?.kind === "occurs" ? occurrence(this.take("occurs")) : [1, 1];
    const [token, next] = [this.peek(), this.tokens[this.at + 1]];
    if (next?.text === ":" && (token?.kind === "name" || token?.kind === "text")) {
      this.at += 2;
      const text = token.kind === "text" ? textOf(token.text) : token.text;
      return { key: { is: "text", text }, type: this.type(), least, most };
    }
    if (next?.text === ":" && token?.kind === "number") {
      this.at += 2;
      return { key: { is: "int", value: Number(token.text) }, type: this.type(), least, most };
    }
    const type = this.type();
    if (this.skip("=>")) return { key: type, type: this.type(), least, most };
    if (isMap) throw this.wrong("a member of a map without its key");
    return { type, least, most };
  }

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private take(kind: Token["kind"]): string {
    const token = this.peek();
    if (token?.kind !== kind) throw this.wrong(`${kind} was expected`);
    this.at += 1;
    return token.text;
  }

  private skip(text: string): boolean {
    const token = this.peek();
    if (token?.kind !== "sign" || token.text !== text) return false;
    this.at += 1;
    return true;
  }

  private expect(text: string): void {
    if (!this.skip(text)) throw this.wrong(`"${text}" was expected`);
  }

  private wrong(why: string): Error {
    const at = this.peek()?.at ?? this.source.length;
    const line = this.source.slice(0, at).split("\n").length;
    return new Error(
      `CDDL line ${line}: ${why}, before ${JSON.stringify(this.source.slice(at, at + 20))}`,
    );
  }
}

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < source.length; at = TOKEN.lastIndex) {
    const found = TOKEN.exec(source);
    if (!found)
      throw new Error(`CDDL: not understood: ${JSON.stringify(source.slice(at, at + 20))}`);
    const [kind, text] =
      Object.entries(found.groups ?? {}).find(([, group]) => group !== undefined) ?? [];
    if (kind !== undefined && text !== undefined)
      tokens.push({ kind: kind as Token["kind"], text, at });
  }
  return tokens;
}

/** Section 3.2. */
function occurrence(text: string): readonly [number, number] {
  if (text === "?") return [0, 1];
  if (text === "+") return [1, Number.POSITIVE_INFINITY];
  const [least = "", most = ""] = text.split("*");
  return [Number(least), most === "" ? Number.POSITIVE_INFINITY : Number(most)];
}

function textOf(token: string): string {
  return JSON.parse(token) as string;
}
