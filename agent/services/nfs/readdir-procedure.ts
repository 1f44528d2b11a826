import { ReaddirArgsView } from "../../../protocols/nfs/args.ts";
import { NFS_MAXDATA, NFS_MAXNAMLEN, NfsStat } from "../../../protocols/nfs/constants.ts";
import { ReaddirWriter } from "../../../protocols/nfs/readdir-result.ts";
import { emitStatResult } from "../../../protocols/nfs/results.ts";
import { textLen } from "../../../protocols/sunrpc/xdr-text.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { isRefusal, type NodeAttributes, type Tree } from "../../assets/trees/tree.ts";
import type { ServiceContext } from "../context.ts";
import type { RpcCredential } from "../rpc/credential.ts";
import type { RpcAnswer, RpcCall } from "../rpc/program.ts";
import { codeOf, malformed, refuse, whenReady } from "./errors.ts";
import { COOKIE_PARENT, COOKIE_SELF, type Listing } from "./listing.ts";
import { Listings } from "./listings.ts";
import { Access, grants } from "./permissions.ts";

/** READDIR (RFC 1094 section 2.2.17): "." and ".." first, then the names in the order of their cookies. */
export class ReaddirProcedure {
  private readonly context: ServiceContext;
  private readonly listings: Listings;
  private readonly args = new ReaddirArgsView();
  private readonly writer = new ReaddirWriter();

  constructor(context: ServiceContext) {
    this.context = context;
    this.listings = new Listings(() => context.clock.now());
  }

  readdir(call: RpcCall, answer: RpcAnswer, tree: Tree, who: RpcCredential): void | Promise<void> {
    const { args, context } = this;
    const status = args.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const directory = context.handles.fileidOf(tree.fsid, call.octets, args.dirAt);
    if (directory < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    const { cookie } = args;
    // More than a READ carries is in no client's buffer; what a loader wants to fit one frame its count says.
    const limit = Math.min(args.count, NFS_MAXDATA);
    return whenReady(tree.attributes(directory), (a) => {
      const code = isRefusal(a) ? codeOf(a) : listFault(a, who);
      if (isRefusal(a) || code !== 0) {
        refuse(answer, code);
        return;
      }
      return whenReady(this.listings.of(tree, directory, a), (listing) => {
        if (isRefusal(listing)) {
          refuse(answer, codeOf(listing));
          return;
        }
        const parent = tree.parent(directory) ?? directory;
        const self = { directory, parent };
        answer.success((o, at) => this.emit(self, listing, { cookie, limit }, o, at));
      });
    });
  }

  private emit(
    { directory, parent }: { readonly directory: number; readonly parent: number },
    listing: Listing,
    { cookie, limit }: { readonly cookie: number; readonly limit: number },
    o: Octets,
    at: number,
  ): number {
    const { writer } = this;
    writer.begin(o, at, limit);
    let whole = cookie >= COOKIE_SELF || writer.addName(directory, ".", COOKIE_SELF);
    whole &&= cookie >= COOKIE_PARENT || writer.addName(parent, "..", COOKIE_PARENT);
    for (let i = listing.after(cookie); whole && i < listing.length; i++) {
      const entry = listing.entries[i];
      // A file of this host may have a name that is longer as UTF-8 than its octets are.
      if (!entry || textLen(entry.name) > NFS_MAXNAMLEN) continue;
      whole = writer.addName(entry.fileid, entry.name, listing.cookieAt(i));
    }
    // Not one fits: told to go on, the client would ask for the same again and again.
    if (!whole && writer.count === 0) return emitStatResult(NfsStat.Inval, o, at);
    return writer.end(whole);
  }
}

/** Why somebody may not list a node; 0: may. */
function listFault(a: NodeAttributes, who: RpcCredential): number {
  if (a.kind !== "directory") return NfsStat.NotDir;
  return grants(a, who, Access.Read) ? 0 : NfsStat.Acces;
}
