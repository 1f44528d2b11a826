/* A TFTP client: RFC 1350 with blksize, tsize and windowsize. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };

static unsigned get16(const uint8_t *p) { return (unsigned)(p[0] << 8 | p[1]); }

static void send_ack(struct client *c) {
  c->last[0] = 0;
  c->last[1] = ACK;
  c->last[2] = (uint8_t)(c->block >> 8);
  c->last[3] = (uint8_t)c->block;
  c->unacked = 0;
  client_send(c, 4);
}

void tftp_begin(struct client *c) {
  char *p = (char *)c->last;
  int room = sizeof c->last;
  /* Until an OACK says otherwise. */
  c->blksize = 512;
  c->windowsize = 1;
  int len = snprintf(p, (size_t)room, "%c%c%s%coctet%cblksize%c%u%ctsize%c0%c", 0, RRQ, job.file, 0,
                     0, 0, job.blksize, 0, 0, 0);
  if (job.windowsize > 1) {
    len += snprintf(p + len, (size_t)(room - len), "windowsize%c%u%c", 0, job.windowsize, 0);
  }
  client_send(c, (unsigned)len);
}

/* The options that the server grants; NUL-terminated pairs. */
static void take_options(struct client *c, const char *p, const char *end) {
  while (p < end) {
    const char *name = p, *value = memchr(p, 0, (size_t)(end - p));
    if (!value || ++value >= end || !(p = memchr(value, 0, (size_t)(end - value)))) return;
    p++;
    if (!strcasecmp(name, "blksize")) c->blksize = (unsigned)atoi(value);
    if (!strcasecmp(name, "windowsize")) c->windowsize = (unsigned)atoi(value);
    if (!strcasecmp(name, "tsize") && strtoull(value, 0, 10) != job.size) {
      client_end(c, "a file of another size");
    }
  }
}

int tftp_receive(struct client *c, const uint8_t *p, unsigned len) {
  if (len < 4) return 1;
  switch (get16(p)) {
    case OACK:
      if (c->octets > 0) return 1;
      take_options(c, (const char *)p + 2, (const char *)p + len);
      if (!c->done) send_ack(c);
      return 0;
    case ERROR:
      client_end(c, "the server sent an error");
      return 0;
    case DATA:
      break;
    default:
      return 1;
  }
  unsigned ahead = (get16(p + 2) - c->block) & 0xffff;
  unsigned data = len - 4;
  if (ahead != 1) {
    if (ahead == 0 || ahead > 0x8000) {
      totals.duplicates++;
      return 1;
    }
    /* Something is missing: its window begins anew behind what we have. That is said once. */
    if (!c->gap) send_ack(c);
    c->gap = 1;
    return 1;
  }
  if (data > c->blksize || !content_is(p + 4, c->octets, data)) {
    client_end(c, "wrong content");
    return 0;
  }
  c->gap = 0;
  c->block = (c->block + 1) & 0xffff;
  c->octets += data;
  c->unacked++;
  int last = data < c->blksize;
  if (last || c->unacked >= c->windowsize) {
    send_ack(c);
    if (last) client_end(c, c->octets == job.size ? 0 : "the file ended early");
    return 0;
  }
  return 1;
}
