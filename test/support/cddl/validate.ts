import { type CborNode, parseCbor } from "./cbor-node.ts";
import type { Cddl, CddlEntry, CddlType, Control } from "./grammar.ts";

/**
 * Why octets are not what a rule says; undefined when they are. Members that a map does not name are not what it says.
 *
 * An array's entries take as many items as they can, without going back: that is enough where no two neighbours fit the same item.
 */
export function mismatch(rules: Cddl, rule: string, octets: Uint8Array): string | undefined {
  if (!rules.has(rule)) throw new Error(`no rule ${rule}`);
  return check(rules, { is: "name", name: rule }, parseCbor(octets), rule);
}

function check(rules: Cddl, type: CddlType, node: CborNode, at: string): string | undefined {
  const no = (wanted: string): string => `${at}: ${wanted} was expected, not ${shown(node)}`;
  switch (type.is) {
    case "name": {
      const rule = rules.get(type.name);
      if (rule) return check(rules, rule, node, at);
      return prelude(type.name, node) ? undefined : no(type.name);
    }
    case "text":
      return node.kind === "text" && node.text === type.text
        ? undefined
        : no(JSON.stringify(type.text));
    case "int":
      return node.kind === "int" && node.value === BigInt(type.value)
        ? undefined
        : no(String(type.value));
    case "range":
      return inRange(node, type.least, type.most) ? undefined : no(`${type.least}..${type.most}`);
    case "choice": {
      const reasons = type.types.map((choice) => check(rules, choice, node, at));
      return reasons.includes(undefined) ? undefined : reasons.join("; or ");
    }
    case "tag":
      if (node.kind !== "tag" || node.tag !== BigInt(type.tag)) return no(`the tag ${type.tag}`);
      return check(rules, type.content, node.content, at);
    case "array":
      return node.kind === "array"
        ? checkArray(rules, type.entries, node.items, at)
        : no("an array");
    case "map":
      return node.kind === "map" ? checkMap(rules, type.entries, node.members, at) : no("a map");
    case "control":
      return (
        check(rules, type.target, node, at) ?? controlled(rules, type.control, type.by, node, at)
      );
  }
}

function checkArray(
  rules: Cddl,
  entries: readonly CddlEntry[],
  items: readonly CborNode[],
  at: string,
): string | undefined {
  let next = 0;
  for (const { type, least, most } of entries) {
    let taken = 0;
    for (let why: string | undefined; taken < most; taken++, next++) {
      const node = items[next];
      why = node ? check(rules, type, node, `${at}[${next}]`) : `${at}: an item is missing`;
      if (why === undefined) continue;
      if (taken < least) return why;
      break;
    }
  }
  const rest = items[next];
  const [last] = entries.slice(-1);
  if (!rest) return undefined;
  return (last && check(rules, last.type, rest, `${at}[${next}]`)) ?? `${at}: an item too many`;
}

function checkMap(
  rules: Cddl,
  entries: readonly CddlEntry[],
  members: readonly (readonly [CborNode, CborNode])[],
  at: string,
): string | undefined {
  const left = new Set(members);
  // Members with a name first: what a wildcard takes is the rest (section 3.5.4).
  const named = entries.filter(({ key }) => key?.is === "text" || key?.is === "int");
  for (const entry of [...named, ...entries.filter((e) => !named.includes(e))]) {
    let found = 0;
    for (const member of [...left]) {
      const [key, value] = member;
      if (found >= entry.most || !entry.key) break;
      if (check(rules, entry.key, key, at) !== undefined) continue;
      const why = check(rules, entry.type, value, `${at}.${shown(key)}`);
      if (why !== undefined) return why;
      left.delete(member);
      found += 1;
    }
    if (found < entry.least) return `${at}: ${nameOf(entry)} is missing`;
  }
  const [extra] = left;
  return extra && `${at}: ${shown(extra[0])} is no member`;
}

function controlled(
  rules: Cddl,
  control: Control,
  by: CddlType,
  node: CborNode,
  at: string,
): string | undefined {
  const no = `${at}: ${shown(node)} is not ${control} ${JSON.stringify(by)}`;
  switch (control) {
    case "cbor":
      return node.kind === "bytes" ? check(rules, by, parseCbor(node.octets), `${at}<<>>`) : no;
    case "regexp":
      if (by.is !== "text" || node.kind !== "text") return no;
      return new RegExp(`^(?:${by.text})$`, "u").test(node.text) ? undefined : no;
    case "size":
      return check(rules, by, { kind: "int", value: BigInt(sizeOf(node)) }, at) && no;
    default: {
      if (by.is !== "int" || node.kind !== "int") return no;
      const fits =
        control === "le" ? node.value <= BigInt(by.value) : node.value >= BigInt(by.value);
      return fits ? undefined : no;
    }
  }
}

function sizeOf(node: CborNode): number {
  if (node.kind === "bytes") return node.octets.length;
  if (node.kind === "text") return Buffer.byteLength(node.text);
  return -1;
}

function inRange(node: CborNode, least: number, most: number): boolean {
  return node.kind === "int" && node.value >= BigInt(least) && node.value <= BigInt(most);
}

function prelude(name: string, node: CborNode): boolean {
  const { kind } = node;
  switch (name) {
    case "any":
      return true;
    case "uint":
      return kind === "int" && node.value >= 0n;
    case "nint":
      return kind === "int" && node.value < 0n;
    case "int":
      return kind === "int";
    case "bstr":
    case "bytes":
      return kind === "bytes";
    case "tstr":
    case "text":
      return kind === "text";
    case "false":
      return kind === "simple" && node.value === 20;
    case "true":
      return kind === "simple" && node.value === 21;
    case "bool":
      return kind === "simple" && (node.value === 20 || node.value === 21);
    case "null":
    case "nil":
      return kind === "simple" && node.value === 22;
    case "float":
      return kind === "float";
    case "number":
      return kind === "float" || kind === "int";
    default:
      throw new Error(`no type ${name}`);
  }
}

function shown(node: CborNode): string {
  if (node.kind === "text") return JSON.stringify(node.text);
  if (node.kind === "int") return String(node.value);
  return node.kind;
}

function nameOf({ key }: CddlEntry): string {
  return key?.is === "text" ? key.text : JSON.stringify(key);
}
