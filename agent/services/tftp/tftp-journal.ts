import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Content } from "../../assets/content.ts";
import type { Datagram } from "../../link/datagram.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import { type ServiceContext, UNKNOWN_MACHINE, whoIs } from "../context.ts";
import type { TransferEnd } from "./transfer.ts";

/** A request as the journal tells it. */
export interface Asked {
  readonly plan: BootPlan;
  /** The file's name as the client wrote it. */
  readonly name: string;
  readonly verb: "read" | "write";
}

/** What the service writes into the boot journal. */
export class TftpJournal {
  private readonly context: ServiceContext;

  constructor(context: ServiceContext) {
    this.context = context;
  }

  stranger({ src }: Datagram, what: string): void {
    this.context.journal.note({
      protocol: "tftp",
      address: src,
      event: `${what} by ${formatIpv4(src)}`,
      decision: UNKNOWN_MACHINE,
      outcome: "silent",
    });
  }

  note(
    { plan, name, verb }: Asked,
    outcome: "silent" | "refused" | "failed",
    decision: string,
    reply?: string,
  ): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "tftp",
      event: `${verb} "${name}"`,
      decision,
      reply,
      outcome,
    });
  }

  progress({ plan, name }: Asked, content: Content, why: string, octets: number): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "tftp",
      event: `read "${name}"`,
      decision: why,
      outcome: "progress",
      octets,
      file: content.name,
      total: content.size,
    });
  }

  readEnded({ plan, name }: Asked, content: Content, why: string, end: TransferEnd): void {
    const { outcome, octets, ms, retransmissions } = end;
    if (outcome === "replaced") return;
    const again = retransmissions > 0 ? `, ${retransmissions} packets sent again` : "";
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "tftp",
      event: outcome === "probe" ? `asked for the size of "${name}"` : `read "${name}"`,
      decision: outcome === "failed" ? end.why : why,
      reply: outcome === "probe" ? `${content.size} octets` : `${content.name}${again}`,
      outcome: outcome === "probe" ? "answered" : outcome,
      octets,
      ms,
      file: content.name,
      total: content.size,
    });
  }

  /** `where`: the file, as it is called below the state folder. */
  writeEnded({ plan, name }: Asked, where: string, why: string, end: TransferEnd): void {
    const { outcome, octets, ms } = end;
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "tftp",
      event: `write "${name}"`,
      decision: outcome === "done" ? why : end.why,
      reply: outcome === "done" ? where : undefined,
      outcome: outcome === "done" ? "done" : "failed",
      octets,
      ms,
    });
  }
}
