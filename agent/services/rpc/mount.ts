import { emitMountDump, emitMountExport, type MountEntry } from "../../../protocols/mount/lists.ts";
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
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import { isRefusal, type Tree } from "../../assets/trees/tree.ts";
import type { BootPlan, Export } from "../../plan/boot-plan.ts";
import { type ServiceContext, whoIs } from "../context.ts";
import { heldBecause } from "../hold.ts";
import {
  FIRST_UNPRIVILEGED_PORT,
  type RpcAnswer,
  type RpcCall,
  type RpcPeer,
  type RpcProgram,
  VOID,
} from "./program.ts";

/** The card that the host's neighbour table has for an address; undefined: none. */
export type CardOf = (address: Ipv4) => Promise<MacText | undefined>;

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

/** Paths of one machine that are remembered as mounted; the oldest is forgotten for the next. */
const MAX_OF_MACHINE = 32;

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
  /** Which paths a machine has mounted, by its card; in order. */
  private readonly mounts = new Map<MacText, Set<string>>();
  private readonly cardOf: CardOf | undefined;

  /** `cardOf`: what the host knows of an address's hardware; without it, it is not compared. */
  constructor(context: ServiceContext, port: number, cardOf?: CardOf) {
    this.context = context;
    this.port = port;
    this.cardOf = cardOf;
  }

  handle(call: RpcCall, answer: RpcAnswer): void | Promise<void> {
    const { plan } = call.peer;
    switch (call.proc) {
      case MountProc.Mnt:
        return this.mount(call, answer);
      case MountProc.Dump:
        answer.success((o, at) => emitMountDump([...this.entries()], MAX_LIST, o, at));
        return;
      case MountProc.Umnt:
        this.unmount(call, answer);
        return;
      case MountProc.Umntall:
        this.mounts.delete(plan.machine.mac);
        answer.success(VOID);
        this.note(plan, "unmount everything", "it may go", "answered");
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

  private unmount(call: RpcCall, answer: RpcAnswer): void {
    const path = this.pathOf(call, answer);
    if (path === undefined) return;
    const { plan } = call.peer;
    const { mac } = plan.machine;
    const paths = this.mounts.get(mac);
    paths?.delete(tidy(path));
    if (paths?.size === 0) this.mounts.delete(mac);
    answer.success(VOID);
    this.note(plan, `unmount ${path}`, "it may go", "answered");
  }

  /** The path that a call is about; undefined: it has none, and was answered. */
  private pathOf({ octets, argsAt, argsLen }: RpcCall, answer: RpcAnswer): string | undefined {
    const status = this.path.reset(octets, argsAt, argsLen);
    if (!status) return readText(octets, this.path.pathAt, this.path.pathLen);
    this.context.counters.add("mount", statusName(status));
    answer.fail(AcceptStat.GarbageArgs);
    return undefined;
  }

  /** Who has mounted what, of machines that the site still has. */
  private *entries(): Generator<MountEntry> {
    const { planner } = this.context;
    for (const [mac, paths] of this.mounts) {
      const plan = planner.byMac(mac);
      if (!plan) this.mounts.delete(mac);
      else for (const directory of paths) yield { host: plan.machine.hostname, directory };
    }
  }

  private async mount(call: RpcCall, answer: RpcAnswer): Promise<void> {
    const path = this.pathOf(call, answer);
    if (path === undefined) return;
    const { plan, transport } = call.peer;
    const event = `mount ${path} over ${transport.toUpperCase()}`;
    const exported = plan.export;
    const refuse = (status: number, why: string): void => {
      answer.success((o, at) => emitMountRefusal(status, o, at));
      this.note(plan, event, why, "refused");
    };
    if (!exported) {
      refuse(MountStat.Acces, `${plan.machine.name} has no root to mount`);
      return;
    }
    const foreign = await this.foreignCaller(call.peer, exported);
    if (foreign !== undefined) {
      refuse(MountStat.Acces, foreign);
      return;
    }
    const { tree } = exported;
    const why = tree.waitsFor(tree.root, "");
    if (why !== undefined) this.note(plan, event, heldBecause(why), "silent");
    const found = await resolveDirectory(exported, path);
    if ("status" in found) {
      refuse(found.status, found.why);
      return;
    }
    const handle = Octets.alloc(MOUNT_FHSIZE);
    this.context.handles.emit(tree.fsid, found.fileid, handle, 0);
    this.remember(plan.machine.mac, tidy(path));
    this.context.planner.mounted(plan, exported);
    answer.success((o, at) => emitMountResult(handle.u8, o, at));
    this.note(plan, event, `the root of profile ${plan.machine.profile?.name}`, "answered");
  }

  /** Why the caller is not believed to be the machine, or a program of its own; undefined: it is. */
  private async foreignCaller(peer: RpcPeer, { rules }: Export): Promise<string | undefined> {
    const { plan, src, srcPort } = peer;
    if (rules.privilegedPorts && srcPort >= FIRST_UNPRIVILEGED_PORT) {
      return `port ${srcPort} may be any program's, and its profile demands one below ${FIRST_UNPRIVILEGED_PORT}`;
    }
    const { mac } = plan.machine;
    const card = await this.cardOf?.(src);
    if (card === undefined || card === mac) return undefined;
    return `${formatIpv4(src)} is used by the card ${card}, and the site gives it to ${mac}`;
  }

  private remember(mac: MacText, path: string): void {
    const paths = this.mounts.get(mac) ?? new Set();
    this.mounts.set(mac, paths);
    const [oldest] = paths;
    if (oldest !== undefined && paths.size >= MAX_OF_MACHINE && !paths.has(path))
      paths.delete(oldest);
    paths.add(path);
  }

  private note(
    plan: BootPlan,
    event: string,
    decision: string,
    outcome: "answered" | "refused" | "silent",
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
  if (root.some((name, i) => names[i] !== name)) {
    return { status: MountStat.Acces, why: `only ${exported.path} is exported to it` };
  }
  const { tree } = exported;
  const top = (await tree.mountPoint?.()) ?? tree.root;
  if (isRefusal(top)) return { status: MountStat.Io, why: "its root cannot be read" };
  let fileid = top;
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

/** One way to write a path, so that it is unmounted as it was mounted. */
function tidy(path: string): string {
  return `/${namesOf(path).join("/")}`;
}

/** U-Boot puts the text of a relative link behind its directory as it is: `/srv/nfs/boot/../kernel`. */
function namesOf(path: string): readonly string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}
