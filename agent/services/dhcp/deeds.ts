import { DhcpMessageType } from "../../../protocols/dhcp/options.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { UnknownRule } from "../../site/site.ts";
import type { AddressDecision } from "./address-decision.ts";

/** Whether a guest's plan is the one for what its rule says and the address that it has now. */
export function fits(
  known: BootPlan | undefined,
  rule: UnknownRule,
  address: number | undefined,
): known is BootPlan {
  return (
    known !== undefined &&
    known.machine.profile === rule.profile &&
    (address === undefined || known.address === address)
  );
}

/** The address that a decision gives. */
export function addressOf(decision: AddressDecision): number | undefined {
  return decision.deed === "offer" || decision.deed === "bind" ? decision.address : undefined;
}

/** For how long it gives it, seconds; 0: it gives none. */
export function lengthOf(decision: AddressDecision): number {
  return decision.deed === "offer" || decision.deed === "bind" ? decision.lengthS : 0;
}

/** Whether a message goes out. */
export function isReply({ deed }: AddressDecision): boolean {
  return deed === "offer" || deed === "bind" || deed === "inform" || deed === "refuse";
}

/** Option 53 of the reply; 0 for BOOTP. */
export function replyType(messageType: number, { deed }: AddressDecision): number {
  if (deed === "refuse") return DhcpMessageType.Nak;
  if (deed === "offer") return DhcpMessageType.Offer;
  return messageType === 0 ? 0 : DhcpMessageType.Ack;
}

/** Whether a message begins an exchange: BOOTP, or DISCOVER. */
export function isFirst(messageType: number): boolean {
  return messageType === 0 || messageType === DhcpMessageType.Discover;
}

/** Whether a message wants an address, as each does that a boot needs: BOOTP, DISCOVER, REQUEST. */
export function wantsAddress(messageType: number): boolean {
  return isFirst(messageType) || messageType === DhcpMessageType.Request;
}
