/* The load generator: what its parts share. */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stdint.h>

#define MAX_CLIENTS 64
#define MAX_PACKET 65536
/* Silence after which a client repeats its last packet, and how often it does, until it gives up. */
#define RESEND_NS 500000000ull
#define MAX_RESENDS 20

/* One client: a socket of its own on an address of its own. */
struct client {
  int fd;
  int done;
  uint64_t octets; /* verified, in order */
  uint64_t heard_ns;
  unsigned resends; /* in a row */
  uint8_t last[512]; /* the last packet, to be repeated */
  unsigned last_len;
  /* TFTP */
  int connected;
  unsigned block;   /* the last one in order, as on the wire */
  unsigned unacked; /* blocks since the last ACK */
  int gap;          /* the gap was told */
  unsigned blksize, windowsize;
  /* NFS */
  uint32_t xid;
  unsigned asked; /* octets of the READ that is out */
  uint8_t handle[64];
  unsigned handle_len;
};

/* What is counted over all clients. */
struct totals {
  uint64_t octets, packets;
  unsigned resent;     /* packets that we repeated */
  unsigned duplicates; /* blocks and replies that came again */
  unsigned errors;     /* clients that gave up, and wrong content */
};

/* What all clients do. */
struct job {
  struct sockaddr_in server; /* port in network order */
  const char *file;          /* a name for TFTP; a path of an export and a name below it for NFS */
  uint64_t size;             /* octets that each client reads */
  unsigned blksize, windowsize;
  int nfs_version;
  int mount_port; /* 0: portmap knows */
};

extern struct job job;
extern struct totals totals;

/* Whether `len` octets are those of the file at `at`. */
int content_is(const uint8_t *octets, uint64_t at, unsigned len);
/* Sends `len` octets of c->last and remembers them. */
void client_send(struct client *c, unsigned len);
/* The client is done: with an error when `why` is not 0. */
void client_end(struct client *c, const char *why);

/* Begins a read; the socket is bound. */
void tftp_begin(struct client *c);
/* Takes a datagram. Whether more of them may be waiting. */
int tftp_receive(struct client *c, const uint8_t *p, unsigned len);

/* Mounts and looks for the file, before the time is taken. */
void nfs_mount(struct client *c);
void nfs_begin(struct client *c);
int nfs_receive(struct client *c, const uint8_t *p, unsigned len);

#endif
