import { TftpError, TftpMode, TftpOpcode, type TftpView } from "../../../protocols/tftp/packet.ts";
import type { Content } from "../../assets/content.ts";
import { isWait, type Slot } from "../../assets/slot.ts";
import { AgentError } from "../../errors.ts";
import { type BootPlan, decideFile } from "../../plan/boot-plan.ts";
import type { ServiceContext } from "../context.ts";

/** A refusal: what goes on the wire, and the words for the journal. */
export interface Refusal {
  readonly code: number;
  readonly why: string;
}

/** What a request leads to. */
export type Decision =
  | { readonly kind: "content"; readonly content: Content; readonly why: string }
  | { readonly kind: "upload"; readonly quota: number; readonly why: string }
  | { readonly kind: "wait"; readonly slot: Slot; readonly why: string }
  | ({ readonly kind: "refusal" } & Refusal);

/** Decides about the request that the view is on. */
export function decide(
  view: TftpView,
  plan: BootPlan,
  asked: string,
  context: ServiceContext,
): Decision {
  if (view.mode !== TftpMode.Octet && view.mode !== TftpMode.Netascii) {
    return refusal(TftpError.IllegalOperation, "only modes octet and netascii are served");
  }
  if (view.opcode === TftpOpcode.Wrq) return decideWrite(plan);
  const { ignoreCase } = context.planner.site.network.tftp;
  const { name, slot, state, why } = decideFile(plan, asked, ignoreCase);
  if (!slot || !state) return refusal(TftpError.FileNotFound, why);
  if (isWait(state)) return { kind: "wait", slot, why: state.why };
  if (state instanceof AgentError) return refusal(TftpError.NotDefined, state.message);
  if (name === plan.promFile) context.sightings.loaderFetched(plan.machine);
  return { kind: "content", content: state, why };
}

function decideWrite({ machine }: BootPlan): Decision {
  const quota = machine.profile?.uploads;
  if (quota === undefined) return refusal(TftpError.AccessViolation, "nothing may be written here");
  return { kind: "upload", quota, why: `profile ${machine.profile?.name} takes uploads` };
}

function refusal(code: number, why: string): Decision {
  return { kind: "refusal", code, why };
}
