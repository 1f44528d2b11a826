import { readText } from "../../protocols/sunrpc/xdr-text.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import type { Status } from "../../protocols/wire/status.ts";
import { type Fields, type FieldValue, type MessageSink, type Protocol, toNul } from "./message.ts";

/**
 * Reads the arguments or the results of a procedure into `into`, by the names that the protocol's RFC or .x file gives them.
 *
 * What is read before the first failure may stay in `into`.
 */
export type RpcReader = (
  o: Octets,
  at: number,
  len: number,
  into: Fields,
  sink: MessageSink,
) => Status;

/** A procedure. Without a reader, its octets are shown as they are. */
export interface RpcProcedure {
  readonly name: string;
  readonly args?: RpcReader;
  readonly results?: RpcReader;
}

/** A program that is known by name: its procedures by version and number. */
export interface RpcProgram {
  readonly protocol: Protocol;
  readonly versions: ReadonlyMap<number, readonly RpcProcedure[]>;
}

/** Procedures of which only the names are known. */
export function named(...names: readonly string[]): readonly RpcProcedure[] {
  return names.map((name) => ({ name }));
}

/** Text of an XDR string, up to its first NUL. */
export function stringField(o: Octets, at: number, len: number): string {
  return toNul(readText(o, at, len));
}

/** The items that `next` gives before its first undefined. */
export function listField(next: () => FieldValue | undefined): FieldValue[] {
  const list: FieldValue[] = [];
  for (let item = next(); item !== undefined; item = next()) list.push(item);
  return list;
}
