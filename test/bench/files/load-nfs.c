/* An NFS client over UDP: READ in lockstep, version 2 (RFC 1094) or 3 (RFC 1813). */
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PORTMAP = 100000, NFS = 100003, MOUNT = 100005 };
enum { GETPORT = 3, MNT = 1, LOOKUP_V2 = 4, LOOKUP_V3 = 3, READ = 6 };
#define UDP 17
#define FHSIZE_V2 32
#define FATTR_V2 68
#define FATTR_V3 84
/* xid, REPLY, MSG_ACCEPTED, an empty verifier, SUCCESS: what comes before results. */
#define REPLY_HEAD 24
#define CALL_TRIES 30

static uint8_t *put32(uint8_t *p, uint32_t v) {
  v = htonl(v);
  memcpy(p, &v, 4);
  return p + 4;
}

static uint32_t get32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return ntohl(v);
}

/* A call's header with AUTH_UNIX of uid 0. */
static uint8_t *put_call(uint8_t *p, uint32_t xid, uint32_t prog, uint32_t vers, uint32_t proc) {
  const uint32_t words[] = {xid, 0, 2, prog, vers, proc, 1, 20, 0, 0, 0, 0, 0, 0, 0};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) p = put32(p, words[i]);
  return p;
}

static uint8_t *put_opaque(uint8_t *p, const void *octets, unsigned len) {
  p = put32(p, len);
  memset(p + (len & ~3u), 0, 4);
  memcpy(p, octets, len);
  return p + ((len + 3) & ~3u);
}

static uint8_t *put_handle(uint8_t *p, const struct client *c) {
  if (job.nfs_version == 3) return put_opaque(p, c->handle, c->handle_len);
  memcpy(p, c->handle, FHSIZE_V2);
  return p + FHSIZE_V2;
}

/* The handle that a result begins with, behind its status. */
static void take_handle(struct client *c, const uint8_t *p) {
  c->handle_len = FHSIZE_V2;
  if (job.nfs_version == 3) {
    c->handle_len = get32(p) <= sizeof c->handle ? get32(p) : 0;
    p += 4;
  }
  memcpy(c->handle, p, c->handle_len);
}

/* Calls and waits for the results, of which all that we look at fit. Ends the program when there are none. */
static const uint8_t *call(struct client *c, unsigned port, unsigned len, const char *what) {
  static uint8_t reply[1024];
  struct sockaddr_in to = job.server;
  struct timeval patience = {.tv_usec = 300000};
  to.sin_port = htons((uint16_t)port);
  for (int tries = 0; tries < CALL_TRIES; tries++) {
    sendto(c->fd, c->last, len, 0, (struct sockaddr *)&to, sizeof to);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(c->fd, &set);
    struct timeval left = patience;
    if (select(c->fd + 1, &set, 0, 0, &left) <= 0) continue;
    memset(reply, 0, sizeof reply);
    if (recv(c->fd, reply, sizeof reply, 0) < REPLY_HEAD + 4 || get32(reply) != c->xid) continue;
    if (get32(reply + 8) == 0 && get32(reply + 20) == 0) return reply + REPLY_HEAD;
    break;
  }
  fprintf(stderr, "no answer to %s\n", what);
  exit(1);
}

void nfs_mount(struct client *c) {
  c->handle_len = FHSIZE_V2;
  c->blksize = job.blksize;
  c->windowsize = 1;
  c->xid = (uint32_t)getpid() << 16 | (uint32_t)(c->fd << 8);
  if (!strcmp(job.file, "-")) return;
  unsigned port = (unsigned)job.mount_port;
  unsigned vers = job.nfs_version == 3 ? 3 : 1;
  uint8_t *p;
  if (port == 0) {
    p = put_call(c->last, ++c->xid, PORTMAP, 2, GETPORT);
    p = put32(put32(put32(put32(p, MOUNT), vers), UDP), 0);
    port = get32(call(c, 111, (unsigned)(p - c->last), "GETPORT"));
  }
  const char *name = strrchr(job.file, '/');
  p = put_call(c->last, ++c->xid, MOUNT, vers, MNT);
  p = put_opaque(p, job.file, (unsigned)(name - job.file));
  const uint8_t *r = call(c, port, (unsigned)(p - c->last), "MNT");
  if (get32(r)) fprintf(stderr, "MNT: status %u\n", get32(r)), exit(1);
  take_handle(c, r + 4);
  p = put_call(c->last, ++c->xid, NFS, (uint32_t)job.nfs_version,
               job.nfs_version == 3 ? LOOKUP_V3 : LOOKUP_V2);
  p = put_opaque(put_handle(p, c), name + 1, (unsigned)strlen(name + 1));
  r = call(c, 2049, (unsigned)(p - c->last), "LOOKUP");
  if (get32(r)) fprintf(stderr, "LOOKUP: status %u\n", get32(r)), exit(1);
  take_handle(c, r + 4);
}

/* READ of what comes next; the header of the call before stays as it is. */
static void ask(struct client *c) {
  uint64_t left = job.size - c->octets;
  c->asked = left < job.blksize ? (unsigned)left : job.blksize;
  put32(c->last, ++c->xid);
  uint8_t *p = put_handle(c->last + 60, c);
  if (job.nfs_version == 3) p = put32(p, (uint32_t)(c->octets >> 32));
  p = put32(put32(p, (uint32_t)c->octets), c->asked);
  if (job.nfs_version == 2) p = put32(p, 0);
  client_send(c, (unsigned)(p - c->last));
}

void nfs_begin(struct client *c) {
  if (connect(c->fd, (struct sockaddr *)&job.server, sizeof job.server)) exit(2);
  c->connected = 1;
  put_call(c->last, c->xid, NFS, (uint32_t)job.nfs_version, READ);
  ask(c);
}

int nfs_receive(struct client *c, const uint8_t *p, unsigned len) {
  const uint8_t *end = p + len;
  if (len < REPLY_HEAD + 8) return 1;
  if (get32(p) != c->xid) {
    totals.duplicates++;
    return 1;
  }
  if (get32(p + 8) || get32(p + 20) || get32(p + 24)) {
    client_end(c, "READ was refused");
    return 0;
  }
  p += REPLY_HEAD + 4;
  if (job.nfs_version == 2) p += FATTR_V2;
  else p += 4 + (get32(p) ? FATTR_V3 : 0) + 8; /* attributes, count, eof */
  unsigned data = p + 4 <= end ? get32(p) : 0;
  p += 4;
  if (data != c->asked || p + data > end || !content_is(p, c->octets, data)) {
    client_end(c, "wrong content");
    return 0;
  }
  c->octets += data;
  if (c->octets >= job.size) client_end(c, 0);
  else ask(c);
  return 0;
}
