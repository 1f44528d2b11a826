import type { Ipv4 } from "../wire/ipv4-address.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import type { Status } from "../wire/status.ts";
import type { DhcpWriter } from "./message.ts";
import { OptionFraming, OptionWalker } from "./option-walker.ts";
import { DhcpOption } from "./options.ts";
import type { DhcpView } from "./packet.ts";

/** Sub-options of option 82, relay agent information (RFC 3046 and those named). */
export const RelayAgentOption = {
  /** The port that the request came in by, as the relay names it. */
  AgentCircuitId: 1,
  /** The subscriber's end of that circuit. */
  AgentRemoteId: 2,
  /** RFC 3527: the subnet to assign from, instead of giaddr's. */
  LinkSelection: 5,
  /** RFC 3993 */
  SubscriberId: 6,
  /** RFC 8357: the relay hears on the port that it sent from. No value. */
  RelaySourcePort: 19,
  /** RFC 5107: what option 54 of the reply shall say, so that renewals pass the relay. */
  ServerIdentifierOverride: 11,
} as const;

/** Re-pointable view of option 82; point it at the option's value. A relay adds the option, clients never do. */
export class RelayAgentView {
  private dv: DataView = NO_VIEW;
  private linkAt = -1;
  private overrideAt = -1;
  private readonly walker: OptionWalker = new OptionWalker();

  /** Whether the reply goes to the port that the request came from (RFC 8357). */
  sourcePort = false;
  /** -1 when absent. */
  circuitIdAt = -1;
  circuitIdLen = 0;
  /** -1 when absent. */
  remoteIdAt = -1;
  remoteIdLen = 0;

  reset(o: Octets, at: number, len: number): Status {
    const { walker } = this;
    this.dv = o.dv;
    this.linkAt = this.overrideAt = this.circuitIdAt = this.remoteIdAt = -1;
    this.circuitIdLen = this.remoteIdLen = 0;
    this.sourcePort = false;
    walker.reset(o, at, len, OptionFraming.Bare);
    while (walker.next()) {
      const { code, valueAt, valueLen } = walker;
      if (code === RelayAgentOption.AgentCircuitId) {
        this.circuitIdAt = valueAt;
        this.circuitIdLen = valueLen;
      } else if (code === RelayAgentOption.AgentRemoteId) {
        this.remoteIdAt = valueAt;
        this.remoteIdLen = valueLen;
      } else if (code === RelayAgentOption.RelaySourcePort) {
        this.sourcePort = true;
      } else if (code === RelayAgentOption.LinkSelection && valueLen === 4) {
        this.linkAt = valueAt;
      } else if (code === RelayAgentOption.ServerIdentifierOverride && valueLen === 4) {
        this.overrideAt = valueAt;
      }
    }
    return walker.status;
  }

  /** An address in the subnet to assign from; 0 when absent. */
  get linkSelection(): Ipv4 {
    return this.linkAt < 0 ? 0 : this.dv.getInt32(this.linkAt);
  }
  /** The server identifier to answer with; 0 when absent. */
  get serverIdentifierOverride(): Ipv4 {
    return this.overrideAt < 0 ? 0 : this.dv.getInt32(this.overrideAt);
  }
}

/**
 * Copies option 82 of a request into its reply, unchanged, as the last option (RFC 3046 section 2.2); `scratch` is the
 * caller's, for joining its fragments. True when the request had none; false when it does not fit.
 */
export function echoRelayAgent(request: DhcpView, w: DhcpWriter, scratch: Octets): boolean {
  if (request.optionAt(DhcpOption.RelayAgentInformation) < 0) return true;
  const len = request.optionJoined(DhcpOption.RelayAgentInformation, scratch);
  return len >= 0 && w.octets(DhcpOption.RelayAgentInformation, scratch, 0, len);
}
