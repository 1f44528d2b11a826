import type { Fields, FieldValue } from "../../../agent/capture/message.ts";
import type { Exchange } from "../../../agent/replay/exchange.ts";
import { fieldOf, type ReplayMessage } from "../../../agent/replay/message.ts";
import { DhcpMessageType } from "../../../protocols/dhcp/options.ts";

/** An option of a message as the dissector shows it. */
interface ShownOption {
  readonly code: number;
  readonly hex: string;
}

/** A question of a capture, as far as its answer depends on it. */
export class Asked {
  readonly frame: number;
  readonly isRarp: boolean;
  /** Option 53; 0 is BOOTP. */
  readonly type: number;
  /** Hardware address that asks. */
  readonly card: string;
  /** Whether it was asked of a boot server, on port 4011. */
  readonly boots: boolean;
  /** "192.168.77.71:68", where it came from. */
  readonly from: string;
  /** What the recorded server said to it, by option 53; 0: BOOTP, undefined: nothing. */
  readonly recorded: number | undefined;
  private readonly fields: Fields;
  private readonly options: readonly ShownOption[];

  constructor({ request, recorded }: Exchange) {
    const { fields, frame, protocol, from, to } = request;
    this.frame = frame;
    this.isRarp = protocol === "rarp";
    this.type = typeOf(request);
    this.card = String(fieldOf(request, this.isRarp ? "tha" : "chaddr"));
    this.boots = to.endsWith(":4011");
    this.from = from;
    this.recorded = recorded[0] && typeOf(recorded[0]);
    this.fields = fields;
    this.options = optionsOf(fieldOf(request, "options"));
  }

  /** A number of the header. */
  number(name: "xid" | "flags"): number {
    return Number(this.fields[name]);
  }

  /** An address of the header; "": none. */
  address(name: "ciaddr" | "giaddr"): string {
    const text = String(this.fields[name]);
    return text === "0.0.0.0" ? "" : text;
  }

  /** An option's octets in hex; "": it is not there. */
  option(code: number): string {
    return this.options.flatMap((o) => (o.code === code ? [o.hex] : [])).join("");
  }

  text(code: number): string {
    return Buffer.from(this.option(code), "hex").toString("latin1");
  }

  /**
   * Whether its firmware takes the address from one server and what it boots from another, by what its maker has it say. SLOF,
   * GRUB, kernels and installers say nothing of the kind.
   */
  get usesTwoServers(): boolean {
    if (this.type !== DhcpMessageType.Discover) return false;
    const vendor = this.text(60);
    const isIpxe = this.text(77).includes("iPXE") || this.option(175) !== "";
    return isIpxe || vendor.startsWith("U-Boot") || /^(PXE|HTTP)Client:Arch:/.test(vendor);
  }
}

function typeOf(m: ReplayMessage): number {
  return Number(fieldOf(m, "messageType") ?? 0);
}

function optionsOf(value: FieldValue | undefined): readonly ShownOption[] {
  return Array.isArray(value) ? (value as unknown as readonly ShownOption[]) : [];
}
