import {
  BOOTPARAM_PROG,
  BOOTPARAM_VERS,
  BootparamProc,
  emitGetfileResult,
  emitWhoamiResult,
  GetfileArgsView,
  WhoamiArgsView,
} from "../../../protocols/bootparams/messages.ts";
import { AcceptStat } from "../../../protocols/sunrpc/reply.ts";
import { readText } from "../../../protocols/sunrpc/xdr-text.ts";
import { formatIpv4, IPV4_ANY } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Outcome } from "../../log/journal.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import { type ServiceContext, UNKNOWN_MACHINE, whoIs } from "../context.ts";
import type { RpcAnswer, RpcCall, RpcProgram } from "./program.ts";

/**
 * BOOTPARAMS: who am I, and where is my root?
 *
 * Its callers come by the port mapper's CALLIT to a broadcast, so whatever cannot be answered is left to others.
 */
export class BootparamsProgram implements RpcProgram {
  readonly name = "bootparams";
  readonly prog: number = BOOTPARAM_PROG;
  readonly versions: readonly number[] = [BOOTPARAM_VERS];
  readonly port: number;
  readonly indirect = true;
  private readonly context: ServiceContext;
  private readonly whoami = new WhoamiArgsView();
  private readonly getfile = new GetfileArgsView();

  constructor(context: ServiceContext, port: number) {
    this.context = context;
    this.port = port;
  }

  handle(call: RpcCall, answer: RpcAnswer): void {
    if (call.proc === BootparamProc.Whoami) this.answerWhoami(call, answer);
    else if (call.proc === BootparamProc.Getfile) this.answerGetfile(call, answer);
    else answer.fail(AcceptStat.ProcUnavail);
  }

  subjectOf(o: Octets, proc: number, argsAt: number, argsLen: number): BootPlan | undefined {
    const { whoami, getfile } = this;
    if (proc === BootparamProc.Whoami && !whoami.reset(o, argsAt, argsLen)) {
      return this.context.planner.byIp(whoami.clientAddress);
    }
    if (proc === BootparamProc.Getfile && !getfile.reset(o, argsAt, argsLen)) {
      return this.planByHostname(readText(o, getfile.clientNameAt, getfile.clientNameLen));
    }
    return undefined;
  }

  private answerWhoami(call: RpcCall, answer: RpcAnswer): void {
    const { whoami, context } = this;
    const status = whoami.reset(call.octets, call.argsAt, call.argsLen);
    if (status) {
      context.counters.add("bootparams", statusName(status));
      answer.fail(AcceptStat.GarbageArgs);
      return;
    }
    const address = whoami.clientAddress;
    const event = `who is ${formatIpv4(address)}?`;
    const plan = context.planner.byIp(address);
    if (!plan) {
      answer.silence();
      this.note(call.peer.plan, event, UNKNOWN_MACHINE, "silent");
      return;
    }
    const { domain, router } = context.planner.site.network;
    const clientName = plan.machine.hostname;
    answer.success((o, at) =>
      emitWhoamiResult({ clientName, domain: domain ?? "", router: router ?? IPV4_ANY }, o, at),
    );
    this.note(plan, event, "its name in the site", "answered", `you are ${clientName}`);
  }

  private answerGetfile(call: RpcCall, answer: RpcAnswer): void {
    const { getfile, context } = this;
    const status = getfile.reset(call.octets, call.argsAt, call.argsLen);
    if (status) {
      context.counters.add("bootparams", statusName(status));
      answer.fail(AcceptStat.GarbageArgs);
      return;
    }
    const name = readText(call.octets, getfile.clientNameAt, getfile.clientNameLen);
    const key = readText(call.octets, getfile.keyAt, getfile.keyLen);
    const event = `where is "${key}" of ${name}?`;
    const plan = this.planByHostname(name);
    if (!plan) {
      answer.silence();
      this.note(call.peer.plan, event, "no machine of the site has that name", "silent");
      return;
    }
    const param = plan.bootparams.get(key);
    if (!param && call.peer.broadcast) {
      answer.silence();
      this.note(plan, event, `the profile has no boot parameter "${key}"`, "silent");
      return;
    }
    // Asked directly, bootparamd says "nothing" by empty texts; OpenBSD's loader goes astray when no answer comes at all.
    const serverName = param ? (param.server ?? context.planner.site.name) : "";
    const serverAddress = param?.address ?? IPV4_ANY;
    const path = param?.path ?? "";
    answer.success((o, at) => emitGetfileResult({ serverName, serverAddress, path }, o, at));
    this.note(
      plan,
      event,
      param ? `boot parameter "${key}"` : `the profile has no boot parameter "${key}"`,
      "answered",
      param ? `${formatIpv4(serverAddress)}:${path}` : "empty texts",
    );
  }

  private planByHostname(name: string): BootPlan | undefined {
    const { planner } = this.context;
    const machine = planner.site.machines.find((m) => m.hostname === name);
    return machine && planner.byIp(machine.ip);
  }

  private note(
    plan: BootPlan,
    event: string,
    decision: string,
    outcome: Outcome,
    reply?: string,
  ): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "bootparams",
      event,
      decision,
      reply,
      outcome,
    });
  }
}
