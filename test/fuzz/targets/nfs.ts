import {
  emitGetfileArgs,
  emitGetfileResult,
  emitWhoamiResult,
  GetfileArgsView,
  GetfileResultView,
  WhoamiArgsView,
  WhoamiResultView,
} from "../../../protocols/bootparams/messages.ts";
import {
  emitMountDump,
  emitMountExport,
  MountDumpView,
  MountExportView,
} from "../../../protocols/mount/lists.ts";
import {
  MountPathView,
  MountResultView,
  PathconfResultView,
} from "../../../protocols/mount/messages.ts";
import {
  DiropArgsView,
  FhandleArgsView,
  ReadArgsView,
  ReaddirArgsView,
} from "../../../protocols/nfs/args.ts";
import { ReaddirResultView, ReaddirWriter } from "../../../protocols/nfs/readdir-result.ts";
import {
  AttrResultView,
  DiropResultView,
  ReadlinkResultView,
  ReadResultView,
  StatfsResultView,
  StatResultView,
} from "../../../protocols/nfs/results.ts";
import {
  CreateArgsView,
  LinkArgsView,
  RenameArgsView,
  SetattrArgsView,
  SymlinkArgsView,
  WriteArgsView,
} from "../../../protocols/nfs/write-args.ts";
import { readText } from "../../../protocols/sunrpc/xdr-text.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, joined, type Target, words } from "../engine/target.ts";
import type { Trace } from "../engine/trace.ts";
import { RPC_WORDS } from "./rpc.ts";

interface View {
  reset(o: Octets, at: number, len: number): Status;
}

const out = Octets.alloc(16_384);

/** Looks at an input through every view: each must take it or say why not. */
function throughAll(views: readonly View[], o: Octets, at: number, len: number, t: Trace): void {
  for (const view of views) {
    const status = view.reset(o, at, len);
    t.add(status);
    if (status === Status.Ok) t.view(view);
  }
}

function text(o: Octets, at: number, len: number): string {
  return readText(o, at, len);
}

/** Whether octets are ASCII: what is not may become something else on the way through text. */
function plain(...texts: readonly string[]): boolean {
  return texts.every((s) => /^[\0-\x7f]*$/.test(s));
}

const whoamiArgs = new WhoamiArgsView();
const whoamiResult = new WhoamiResultView();
const getfileArgs = new GetfileArgsView();
const getfileResult = new GetfileResultView();

/** Arguments and results of BOOTPARAMS. */
export const bootparams: Target = {
  name: "bootparams",
  sources: ["/protocols/bootparams/"],
  maxLen: 1_600,
  dictionary: [...RPC_WORDS, words(1, 0xffff_ffac, 24, 42, 51), ascii("root"), words(1_024)],
  seeds: [
    words(1, 0xffff_ffac, 24, 42, 51),
    joined(words(4), ascii("v100"), words(0, 1, 172, 24, 42, 1)),
    joined(words(4), ascii("v100"), words(4), ascii("root")),
    joined(words(4), ascii("v100"), words(1, 172, 24, 42, 1, 4), ascii("/exp")),
  ],
  run(o, at, len, t) {
    throughAll([whoamiArgs, whoamiResult, getfileArgs, getfileResult], o, at, len, t);
    if (whoamiResult.reset(o, at, len) === Status.Ok) {
      const { clientNameAt, clientNameLen, domainAt, domainLen, router } = whoamiResult;
      const clientName = text(o, clientNameAt, clientNameLen);
      const domain = text(o, domainAt, domainLen);
      const n = emitWhoamiResult({ clientName, domain, router }, out, 0);
      if (plain(clientName, domain)) {
        t.check(whoamiResult.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
        t.check(whoamiResult.router === router, "parse(emit(r)) is not r");
      }
    }
    if (getfileResult.reset(o, at, len) === Status.Ok) {
      const { serverNameAt, serverNameLen, serverAddress, pathAt, pathLen } = getfileResult;
      const serverName = text(o, serverNameAt, serverNameLen);
      const path = text(o, pathAt, pathLen);
      const n = emitGetfileResult({ serverName, serverAddress, path }, out, 0);
      if (plain(serverName, path)) {
        t.check(getfileResult.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
        t.check(getfileResult.serverAddress === serverAddress, "parse(emit(r)) is not r");
      }
    }
    if (getfileArgs.reset(o, at, len) === Status.Ok) {
      const { clientNameAt, clientNameLen, keyAt, keyLen } = getfileArgs;
      const name = text(o, clientNameAt, clientNameLen);
      const key = text(o, keyAt, keyLen);
      const n = emitGetfileArgs(name, key, out, 0);
      if (plain(name, key)) {
        t.check(getfileArgs.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
        t.check(getfileArgs.keyLen === keyLen, "parse(emit(r)) is not r");
      }
    }
  },
};

const mountPath = new MountPathView();
const mountResult = new MountResultView();
const pathconf = new PathconfResultView();
const mountDump = new MountDumpView();
const mountExport = new MountExportView();

/** Arguments and results of MOUNT, with its lists. */
export const mount: Target = {
  name: "mount",
  sources: ["/protocols/mount/"],
  maxLen: 2_048,
  dictionary: [...RPC_WORDS, ascii("/exp"), words(1, 4), words(1_024), words(1_025)],
  seeds: [
    joined(words(4), ascii("/exp")),
    joined(words(0), new Uint8Array(32)),
    joined(words(1, 4), ascii("host"), words(4), ascii("/exp"), words(0)),
    joined(words(1, 4), ascii("/exp"), words(1, 4), ascii("host"), words(0, 0)),
  ],
  run(o, at, len, t) {
    throughAll([mountPath, mountResult, pathconf, mountDump, mountExport], o, at, len, t);
    readDump(o, at, len, t);
    readExport(o, at, len, t);
  },
};

function readDump(o: Octets, at: number, len: number, t: Trace): void {
  if (mountDump.reset(o, at, len) !== Status.Ok) return;
  const entries = [];
  while (mountDump.next()) {
    const { hostAt, hostLen, directoryAt, directoryLen } = mountDump;
    t.range("host", hostAt, hostLen);
    t.range("directory", directoryAt, directoryLen);
    entries.push({ host: text(o, hostAt, hostLen), directory: text(o, directoryAt, directoryLen) });
    t.check(entries.length <= len, "more items than octets");
  }
  t.check(entries.length === mountDump.count, "the second walk differs from the first");
  t.check(!mountDump.next(), "goes on after the end");
  const n = emitMountDump(entries, out.u8.length, out, 0);
  if (!entries.every(({ host, directory }) => plain(host, directory))) return;
  t.check(mountDump.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
  t.check(mountDump.count === entries.length, "parse(emit(r)) is not r");
}

function readExport(o: Octets, at: number, len: number, t: Trace): void {
  if (mountExport.reset(o, at, len) !== Status.Ok) return;
  const entries: { readonly directory: string; readonly groups: string[] }[] = [];
  while (mountExport.next()) {
    const { directoryAt, directoryLen } = mountExport;
    t.range("directory", directoryAt, directoryLen);
    const groups: string[] = [];
    // Every other export's groups are left to `next` to step over.
    while (entries.length % 2 === 0 && mountExport.nextGroup()) {
      t.range("group", mountExport.groupAt, mountExport.groupLen);
      groups.push(text(o, mountExport.groupAt, mountExport.groupLen));
      t.check(groups.length <= len, "more groups than octets");
    }
    entries.push({ directory: text(o, directoryAt, directoryLen), groups });
    t.check(entries.length <= len, "more exports than octets");
  }
  t.check(entries.length === mountExport.count, "the second walk differs from the first");
  t.check(!mountExport.next() && !mountExport.nextGroup(), "goes on after the end");
  const n = emitMountExport(entries, out.u8.length, out, 0);
  if (!entries.every(({ directory, groups }) => plain(directory, ...groups))) return;
  t.check(mountExport.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
  t.check(mountExport.count === entries.length, "parse(emit(r)) is not r");
}

const NFS_ARGS: readonly View[] = [
  new FhandleArgsView(),
  new DiropArgsView(),
  new ReadArgsView(),
  new ReaddirArgsView(),
  new SetattrArgsView(),
  new WriteArgsView(),
  new CreateArgsView(),
  new RenameArgsView(),
  new LinkArgsView(),
  new SymlinkArgsView(),
];

/** Arguments of all procedures of NFS. */
export const nfsArgs: Target = {
  name: "nfs-args",
  sources: ["/protocols/nfs/args", "/protocols/nfs/write-args", "/protocols/nfs/attributes"],
  maxLen: 9_216,
  dictionary: [...RPC_WORDS, new Uint8Array(32), joined(words(4), ascii("name")), words(8_192)],
  seeds: [
    joined(new Uint8Array(32), words(0, 0, 8, 8), ascii("contents")),
    joined(
      new Uint8Array(32),
      words(4),
      ascii("name"),
      new Uint8Array(32),
      words(4),
      ascii("next"),
    ),
    joined(new Uint8Array(64), words(4), ascii("name")),
    joined(
      new Uint8Array(32),
      words(4),
      ascii("name"),
      words(4),
      ascii("path"),
      new Uint8Array(32),
    ),
  ],
  run(o, at, len, t) {
    throughAll(NFS_ARGS, o, at, len, t);
  },
};

const readdir = new ReaddirResultView();
const readdirWriter = new ReaddirWriter();
const NFS_RESULTS: readonly View[] = [
  new StatResultView(),
  new AttrResultView(),
  new DiropResultView(),
  new ReadlinkResultView(),
  new ReadResultView(),
  new StatfsResultView(),
  readdir,
];

/** Results of all procedures of NFS. */
export const nfsResults: Target = {
  name: "nfs-results",
  sources: ["/protocols/nfs/results", "/protocols/nfs/readdir-result", "/protocols/nfs/attributes"],
  maxLen: 9_216,
  dictionary: [...RPC_WORDS, words(0), words(8_192), words(1, 2, 4), new Uint8Array(68)],
  seeds: [
    joined(words(0), new Uint8Array(68), words(4), ascii("data")),
    joined(words(0), new Uint8Array(100)),
    joined(words(0, 4), ascii("path")),
    joined(words(0, 1, 2, 4), ascii("name"), words(1, 0, 1)),
    words(70),
  ],
  run(o, at, len, t) {
    throughAll(NFS_RESULTS, o, at, len, t);
    if (readdir.reset(o, at, len) !== Status.Ok || readdir.status !== 0) return;
    readdirWriter.begin(out, 0, out.u8.length);
    let steps = 0;
    while (readdir.next()) {
      const { fileid, nameAt, nameLen, cookie } = readdir;
      t.add(fileid, cookie);
      t.range("name", nameAt, nameLen);
      t.check(++steps <= len, "more entries than octets");
      const name = text(o, nameAt, nameLen);
      const fits =
        steps % 2 === 0 && plain(name)
          ? readdirWriter.addName(fileid, name, cookie)
          : readdirWriter.addEntry(fileid, o.u8.slice(nameAt, nameAt + nameLen), cookie);
      t.check(fits, "an entry does not fit where it came from");
    }
    t.check(steps === readdir.count, "the second walk differs from the first");
    const { count, eof } = readdir;
    const n = readdirWriter.end(eof);
    t.check(readdir.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
    t.check(readdir.count === count && readdir.eof === eof, "parse(emit(r)) is not r");
  },
};
