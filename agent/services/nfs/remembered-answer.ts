import { Octets } from "../../../protocols/wire/octets.ts";
import type { EmitResults, RpcAnswer } from "../rpc/program.ts";

/** The longest result of a procedure that changes something: diropres, 4 + 32 + 68 octets. */
const MAX_RESULT = 128;

const scratch: Octets = Octets.alloc(MAX_RESULT);

/** An answer that is kept when it is given. A call that failed (garbage, a fault of ours) may be tried again. */
export class RememberedAnswer implements RpcAnswer {
  private readonly answer: RpcAnswer;
  private readonly keep: (results: Uint8Array, code: number) => void;

  /** `keep` also gets the status that the results begin with. */
  constructor(answer: RpcAnswer, keep: (results: Uint8Array, code: number) => void) {
    this.answer = answer;
    this.keep = keep;
  }

  success(emit: EmitResults): void {
    const len = emit(scratch, 0);
    const results = scratch.u8.slice(0, len);
    this.keep(results, scratch.dv.getUint32(0));
    repeat(this.answer, results);
  }

  fail(acceptStat: number): void {
    this.answer.fail(acceptStat);
  }

  silence(): void {
    this.answer.silence();
  }
}

/** Gives results that were written before. */
export function repeat(answer: RpcAnswer, results: Uint8Array): void {
  answer.success((o, at) => {
    o.u8.set(results, at);
    return results.length;
  });
}
