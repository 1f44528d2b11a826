import { emitMountDump, emitMountExport } from "../../../protocols/mount/lists.ts";
import {
  emitMountRefusal,
  emitMountResult,
  emitPathconfResult,
  MOUNT_FHSIZE,
  MOUNT_PROG,
  MOUNT_VERS_HIGH,
  MOUNT_VERS_LOW,
  MountPathView,
  MountProc,
  MountStat,
} from "../../../protocols/mount/messages.ts";
import { AcceptStat } from "../../../protocols/sunrpc/reply.ts";
import { readText } from "../../../protocols/sunrpc/xdr-text.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import { isRefusal, type Tree } from "../../assets/trees/tree.ts";
import type { BootPlan, Export } from "../../plan/boot-plan.ts";
import { type ServiceContext, whoIs } from "../context.ts";
import { type RpcAnswer, type RpcCall, type RpcProgram, VOID } from "./program.ts";

/** What PATHCONF says: the limits of NFSv2 itself. */
const PATHCONF = {
  linkMax: 32_767,
  maxCanon: 255,
  maxInput: 255,
  nameMax: 255,
  pathMax: 1_024,
  pipeBuf: 4_096,
  vdisable: 0,
  mask: [0, 0],
} as const;

/** DUMP and EXPORT stay in one datagram without fragments; their callers are people. */
const MAX_LIST = 1_400;

/** Either a directory's fileid, or the status that says why there is none. */
type Resolved = { readonly fileid: number } | { readonly status: number; readonly why: string };

/** MOUNT versions 1 and 2 (RFC 1094 appendix A): gives out the handle of a machine's own root, and of nothing else. */
export class MountProgram implements RpcProgram {
  readonly name = "mount";
  readonly prog: number = MOUNT_PROG;
  readonly versions: readonly number[] = [MOUNT_VERS_LOW, MOUNT_VERS_HIGH];
  readonly port: number;
  readonly indirect = false;
  private readonly context: ServiceContext;
  private readonly path = new MountPathView();
  /** Who has mounted what; at most one path a machine. */
  private readonly mounts = new Map<
    MacText,
    { readonly host: string; readonly directory: string }
  >();

  constructor(context: ServiceContext, port: number) {
    this.context = context;
    this.port = port;
  }

  handle(call: RpcCall, answer: RpcAnswer): void | Promise<void> {
    const { plan } = call.peer;
    switch (call.proc) {
      case MountProc.Mnt:
        return this.mount(call, answer);
      case MountProc.Dump:
        answer.success((o, at) => emitMountDump([...this.mounts.values()], MAX_LIST, o, at));
        return;
      case MountProc.Umnt:
      case MountProc.Umntall:
        this.mounts.delete(plan.machine.mac);
        answer.success(VOID);
        this.note(plan, "unmount", "it may go", "answered");
        return;
      case MountProc.Export:
      case MountProc.ExportAll: {
        const exported = plan.export;
        const group = formatIpv4(plan.address);
        const list = exported ? [{ directory: exported.path, groups: [group] }] : [];
        answer.success((o, at) => emitMountExport(list, MAX_LIST, o, at));
        return;
      }
      case MountProc.Pathconf:
        if (call.vers === MOUNT_VERS_HIGH) {
          answer.success((o, at) => emitPathconfResult(PATHCONF, o, at));
          return;
        }
        break;
    }
    answer.fail(AcceptStat.ProcUnavail);
  }

  private async mount(call: RpcCall, answer: RpcAnswer): Promise<void> {
    const status = this.path.reset(call.octets, call.argsAt, call.argsLen);
    if (status) {
      this.context.counters.add("mount", statusName(status));
      answer.fail(AcceptStat.GarbageArgs);
      return;
    }
    const path = readText(call.octets, this.path.pathAt, this.path.pathLen);
    const { plan, transport } = call.peer;
    const event = `mount ${path} over ${transport.toUpperCase()}`;
    const exported = plan.export;
    if (!exported) {
      answer.success((o, at) => emitMountRefusal(MountStat.Acces, o, at));
      this.note(plan, event, `${plan.machine.name} has no root to mount`, "refused");
      return;
    }
    const found = await resolveDirectory(exported, path);
    if ("status" in found) {
      answer.success((o, at) => emitMountRefusal(found.status, o, at));
      this.note(plan, event, found.why, "refused");
      return;
    }
    const handle = Octets.alloc(MOUNT_FHSIZE);
    this.context.handles.emit(exported.tree.fsid, found.fileid, handle, 0);
    const { mac, hostname: host } = plan.machine;
    this.mounts.set(mac, { host, directory: path });
    this.context.planner.mounted(plan, exported);
    answer.success((o, at) => emitMountResult(handle.u8, o, at));
    this.note(plan, event, `the root of profile ${plan.machine.profile?.name}`, "answered");
  }

  private note(
    plan: BootPlan,
    event: string,
    decision: string,
    outcome: "answered" | "refused",
  ): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "mount",
      event,
      decision,
      outcome,
    });
  }
}

/** Finds a directory of an export: its root, or one below it (U-Boot mounts the directory that holds its file). */
async function resolveDirectory(exported: Export, path: string): Promise<Resolved> {
  const root = namesOf(exported.path);
  const names = namesOf(path);
  if (names.includes("..") || root.some((name, i) => names[i] !== name)) {
    return { status: MountStat.Acces, why: `only ${exported.path} is exported to it` };
  }
  const { tree } = exported;
  let fileid = tree.root;
  for (const name of names.slice(root.length)) {
    // What is waited for is a file: nobody need wait to learn that it is no directory.
    if (tree.waitsFor(fileid, name) !== undefined) return notDirectory(path);
    const next = await tree.lookup(fileid, name);
    if (isRefusal(next)) return { status: MountStat.NoEnt, why: `${path} is not in its root` };
    fileid = next;
  }
  return checkDirectory(tree, fileid, path);
}

async function checkDirectory(tree: Tree, fileid: number, path: string): Promise<Resolved> {
  const attributes = await tree.attributes(fileid);
  if (isRefusal(attributes)) return { status: MountStat.NoEnt, why: `${path} is gone` };
  if (attributes.kind === "directory") return { fileid };
  return notDirectory(path);
}

function notDirectory(path: string): Resolved {
  return { status: MountStat.NotDir, why: `${path} is not a directory` };
}

function namesOf(path: string): readonly string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
