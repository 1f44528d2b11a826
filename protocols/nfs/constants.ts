/** NFS version 2 (RFC 1094). */
export const NFS_PROG = 100_003;
export const NFS_VERS = 2;
export const NFS_PORT = 2049;

/** Octets of a file handle, a fixed opaque (RFC 1094 section 2.3.3). */
export const NFS_FHSIZE = 32;
/** Most octets in one READ or WRITE (NFS_MAXDATA, section 2.2). */
export const NFS_MAXDATA = 8_192;
/** Longest file name in octets (NFS_MAXNAMLEN). */
export const NFS_MAXNAMLEN = 255;
/** Longest path, that is target of a symbolic link, in octets (NFS_MAXPATHLEN). */
export const NFS_MAXPATHLEN = 1_024;

/** Procedures (section 2.2). Root is obsolete and Writecache was never used: both take and return nothing. */
export const NfsProc = {
  Null: 0,
  Getattr: 1,
  Setattr: 2,
  Root: 3,
  Lookup: 4,
  Readlink: 5,
  Read: 6,
  Writecache: 7,
  Write: 8,
  Create: 9,
  Remove: 10,
  Rename: 11,
  Link: 12,
  Symlink: 13,
  Mkdir: 14,
  Rmdir: 15,
  Readdir: 16,
  Statfs: 17,
} as const;

/**
 * Status codes (section 2.3.1). What is not listed is kept as a number.
 *
 * Xdev, Inval and OpNotSupp are not in the RFC, but every server sends them: U-Boot tells a symbolic link from a file by
 * Inval in answer to READ.
 */
export const NfsStat = {
  Ok: 0,
  Perm: 1,
  NoEnt: 2,
  Io: 5,
  Nxio: 6,
  Acces: 13,
  Exist: 17,
  Xdev: 18,
  NoDev: 19,
  NotDir: 20,
  IsDir: 21,
  Inval: 22,
  Fbig: 27,
  NoSpc: 28,
  Rofs: 30,
  OpNotSupp: 45,
  NameTooLong: 63,
  NotEmpty: 66,
  Dquot: 69,
  Stale: 70,
  Wflush: 99,
} as const;

/** File types (section 2.3.2). Sock, Bad and Fifo come from Sun's nfs_prot.x. */
export const NfsFtype = {
  Non: 0,
  Reg: 1,
  Dir: 2,
  Blk: 3,
  Chr: 4,
  Lnk: 5,
  Sock: 6,
  Bad: 7,
  Fifo: 8,
} as const;

/** The file type once more, as clients want it in the upper bits of `mode` (section 2.3.5). */
export const NfsMode = {
  Fifo: 0o010000,
  Chr: 0o020000,
  Dir: 0o040000,
  Blk: 0o060000,
  Reg: 0o100000,
  Lnk: 0o120000,
  Sock: 0o140000,
} as const;
