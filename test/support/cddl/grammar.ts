/** A type of CDDL (RFC 8610), as far as docs/control.md needs them. */
export type CddlType =
  | { readonly is: "name"; readonly name: string }
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "int"; readonly value: number }
  | { readonly is: "range"; readonly least: number; readonly most: number }
  | { readonly is: "choice"; readonly types: readonly CddlType[] }
  | { readonly is: "array"; readonly entries: readonly CddlEntry[] }
  | { readonly is: "map"; readonly entries: readonly CddlEntry[] }
  | { readonly is: "tag"; readonly tag: number; readonly content: CddlType }
  | {
      readonly is: "control";
      readonly control: Control;
      readonly target: CddlType;
      readonly by: CddlType;
    };

/** Control operators (section 3.8). */
export type Control = "size" | "regexp" | "cbor" | "le" | "ge";
export const CONTROLS: readonly Control[] = ["size", "regexp", "cbor", "le", "ge"];

/** An entry of an array, or a member of a map. */
export interface CddlEntry {
  /** Of a map; a text that stands alone is a literal. */
  readonly key?: CddlType;
  readonly type: CddlType;
  readonly least: number;
  readonly most: number;
}

/** Rules by their names. */
export type Cddl = ReadonlyMap<string, CddlType>;

/** Types of the standard prelude (appendix D) that need no rule. */
export const PRELUDE: readonly string[] = [
  ...["any", "uint", "nint", "int", "bstr", "bytes", "tstr", "text"],
  ...["bool", "true", "false", "null", "nil", "float", "number"],
];
