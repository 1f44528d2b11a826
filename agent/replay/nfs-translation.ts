import { MountProc } from "../../protocols/mount/messages.ts";
import { NFS_FHSIZE, NFS_PROG, NFS_VERS, NfsProc } from "../../protocols/nfs/constants.ts";
import { RpcCallView } from "../../protocols/sunrpc/call.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BoundedMap } from "../capture/bounded-map.ts";
import type { FieldValue } from "../capture/message.ts";
import { fieldOf, type ReplayMessage } from "./message.ts";

const MAX_HANDLES = 65_536;
const MAX_COOKIES = 65_536;
const FOREVER = Number.POSITIVE_INFINITY;

/**
 * File handles and READDIR cookies of the recorded server, as ours.
 *
 * A client gives back what the recorded server gave it, which our server cannot know. The two replies to one MNT, LOOKUP or
 * READDIR tell which is which; calls are translated by that before they reach our server.
 */
export class NfsTranslation {
  private readonly handles: BoundedMap<string, string> = new BoundedMap(MAX_HANDLES, FOREVER);
  private readonly cookies: BoundedMap<string, number> = new BoundedMap(MAX_COOKIES, FOREVER);
  private readonly call: RpcCallView = new RpcCallView();

  /** Learns from the replies of both to one request. */
  learn(request: ReplayMessage, ours: ReplayMessage, recorded: ReplayMessage): void {
    const { protocol, fields } = request;
    const isMnt = protocol === "mount" && fieldOf({ fields }, "proc") === MountProc.Mnt;
    if (!isMnt && protocol !== "nfs") return;
    const theirs = fieldOf(recorded, "fhandle");
    const own = fieldOf(ours, "fhandle");
    if (typeof theirs === "string" && typeof own === "string") this.handles.set(theirs, own, 0);
    if (
      fieldOf({ fields }, "procName") !== "READDIR" ||
      typeof fieldOf({ fields }, "dir") !== "string"
    )
      return;
    const ownCookies = new Map(entriesOf(ours).map(({ name, cookie }) => [name, cookie]));
    for (const { name, cookie } of entriesOf(recorded)) {
      const found = ownCookies.get(name);
      if (found !== undefined)
        this.cookies.set(`${fieldOf({ fields }, "dir")} ${cookie}`, found, 0);
    }
  }

  /** Our handle for a recorded one. */
  handle(recorded: string): string | undefined {
    return this.handles.get(recorded, 0);
  }

  /** Puts our handles and cookies into a call in place of the recorded ones; lengths stay. */
  translate(o: Octets, at: number, len: number): void {
    const { call } = this;
    if (call.reset(o, at, len) !== Status.Ok) return;
    if (call.prog !== NFS_PROG || call.vers !== NFS_VERS) return;
    const { proc, argsAt, argsLen } = call;
    if (proc === NfsProc.Null || argsLen < NFS_FHSIZE) return;
    const dir = this.translateHandle(o, argsAt);
    if (proc === NfsProc.Readdir && argsLen >= NFS_FHSIZE + 4) {
      const cookieAt = argsAt + NFS_FHSIZE;
      const cookie = this.cookies.get(`${dir} ${o.dv.getUint32(cookieAt)}`, 0);
      if (cookie !== undefined) o.dv.setUint32(cookieAt, cookie);
    } else if (proc === NfsProc.Link && argsLen >= 2 * NFS_FHSIZE) {
      this.translateHandle(o, argsAt + NFS_FHSIZE);
    } else if (proc === NfsProc.Rename && argsLen >= NFS_FHSIZE + 4) {
      const nameLen = o.dv.getUint32(argsAt + NFS_FHSIZE);
      const secondAt = argsAt + NFS_FHSIZE + 4 + Math.ceil(nameLen / 4) * 4;
      if (secondAt + NFS_FHSIZE <= argsAt + argsLen) this.translateHandle(o, secondAt);
    }
  }

  /** Returns the recorded handle. */
  private translateHandle(o: Octets, at: number): string {
    const target = o.u8.subarray(at, at + NFS_FHSIZE);
    const recorded = Buffer.from(target).toString("hex");
    const own = this.handles.get(recorded, 0);
    if (own !== undefined) target.set(Buffer.from(own, "hex"));
    return recorded;
  }
}

interface Entry {
  readonly name: string;
  readonly cookie: number;
}

function entriesOf(m: ReplayMessage): Entry[] {
  const entries = fieldOf(m, "entries");
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: FieldValue) => {
    const { name, cookie } = (entry ?? {}) as { name?: FieldValue; cookie?: FieldValue };
    return typeof name === "string" && typeof cookie === "number" ? [{ name, cookie }] : [];
  });
}
