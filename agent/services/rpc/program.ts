import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { JournalProtocol } from "../../log/journal.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { RpcCredential } from "./credential.ts";

/** The first port that anybody of a UNIX host may send from. */
export const FIRST_UNPRIVILEGED_PORT = 1_024;

/** How a call came. */
export type RpcTransport = "udp" | "tcp";

/** Who calls. Outlives the call. */
export interface RpcPeer {
  readonly plan: BootPlan;
  readonly src: Ipv4;
  readonly srcPort: number;
  readonly transport: RpcTransport;
  /** Broadcast, directly or by the port mapper: every refusal is silence. */
  readonly broadcast: boolean;
  readonly arrivedMs: number;
}

/** A call as a program sees it; `octets` are valid until `handle` returns or first awaits. */
export interface RpcCall {
  readonly octets: Octets;
  readonly xid: number;
  readonly vers: number;
  readonly proc: number;
  readonly argsAt: number;
  readonly argsLen: number;
  readonly peer: RpcPeer;
  /** Of whom the machine says that it calls; outlives the call. */
  readonly cred: RpcCredential;
}

/** Writes results at `at` and returns their octets. */
export type EmitResults = (o: Octets, at: number) => number;

/** The way back to the caller; exactly one of its methods is called, once. */
export interface RpcAnswer {
  /**
   * SUCCESS with results, and behind them `payload` as it is, padded by the caller to words; the list is the caller's again
   * afterwards.
   */
  success(emit: EmitResults, payload?: readonly Uint8Array[]): void;
  /** An accept_stat other than SUCCESS and PROG_MISMATCH. Silence to a broadcast. */
  fail(acceptStat: number): void;
  /** No answer at all, for the reason that the program has journalled. */
  silence(): void;
}

/** One RPC program of the agent. */
export interface RpcProgram {
  readonly name: JournalProtocol;
  readonly prog: number;
  /** Versions spoken, ascending and without gaps. */
  readonly versions: readonly number[];
  /** The port it listens on, UDP and TCP alike. */
  readonly port: number;
  /** Whether the port mapper may call it on behalf of a broadcast. */
  readonly indirect: boolean;
  /**
   * Whom a call is about that the host's rpcbind passes on for a broadcast, without saying who asked. Absent: such calls are not
   * for this program.
   */
  subjectOf?(o: Octets, proc: number, argsAt: number, argsLen: number): BootPlan | undefined;
  /** Answers any procedure but NULL. */
  handle(call: RpcCall, answer: RpcAnswer): void | Promise<void>;
}

/** No results: what a void procedure answers. */
export const VOID: EmitResults = () => 0;
