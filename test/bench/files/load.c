/*
 * Many clients in one process, over TFTP or NFS, as light as can be: what is measured is the server.
 *
 *   load make FILE OCTETS
 *   load tftp SERVER CLIENT COUNT NAME OCTETS BLKSIZE WINDOWSIZE
 *   load nfs2 SERVER CLIENT COUNT PATH OCTETS RSIZE MOUNTPORT      (nfs3 likewise)
 *
 * CLIENT is the address of the first client; the others have those that follow, or by NFS the same. NAME is read whole; of PATH, which is
 * /EXPORT/NAME, the first OCTETS are. PATH "-": a handle of zeros, nothing is mounted. MOUNTPORT 0: portmap is asked.
 *
 * Content is a function of the offset, so that it can be verified without a copy of the file. Prints one line of JSON;
 * exit status 1 when a client did not get what it wanted.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 100
#define RECEIVE_BUFFER (1 << 20)

struct job job;
struct totals totals;

static struct client clients[MAX_CLIENTS];
static unsigned count, running;
/* Of the last turn of the loop: the precision of a tick is enough for patience. */
static uint64_t now_ns;

static void die(const char *what) {
  perror(what);
  exit(2);
}

static uint64_t monotonic_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Eight octets of the file: the n-th counter, mixed, in the order of this machine. */
static inline uint64_t word(uint64_t n) {
  uint64_t x = (n + 1) * 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

int content_is(const uint8_t *octets, uint64_t at, unsigned len) {
  static uint64_t expected[MAX_PACKET / 8 + 2];
  unsigned from = at & 7;
  for (unsigned i = 0; i < (from + len + 7) / 8; i++) expected[i] = word(at / 8 + i);
  return memcmp(octets, (uint8_t *)expected + from, len) == 0;
}

static int make(const char *path, uint64_t octets) {
  static uint64_t piece[8192];
  FILE *f = fopen(path, "w");
  if (!f) die(path);
  for (uint64_t at = 0; at < octets; at += sizeof piece) {
    for (unsigned i = 0; i < 8192; i++) piece[i] = word(at / 8 + i);
    uint64_t left = octets - at;
    if (fwrite(piece, left < sizeof piece ? left : sizeof piece, 1, f) != 1) die(path);
  }
  if (fclose(f)) die(path);
  return 0;
}

void client_send(struct client *c, unsigned len) {
  c->last_len = len;
  c->heard_ns = now_ns;
  ssize_t sent = c->connected ? send(c->fd, c->last, len, 0)
                              : sendto(c->fd, c->last, len, 0, (struct sockaddr *)&job.server,
                                       sizeof job.server);
  /* What the kernel has no room for is lost, as on any wire. */
  if (sent < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS) die("send");
}

void client_end(struct client *c, const char *why) {
  if (c->done) return;
  c->done = 1;
  running--;
  totals.octets += c->octets;
  if (!why) return;
  totals.errors++;
  fprintf(stderr, "client %d at octet %llu: %s\n", (int)(c - clients),
          (unsigned long long)c->octets, why);
}

static void open_client(struct client *c, uint32_t address, int epoll) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
  int size = RECEIVE_BUFFER;
  c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&own, sizeof own)) die("bind");
  setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll");
}

/* Takes what has come for a client. A lockstep client is left alone once it has asked for more: nothing else can be there. */
static void drain(struct client *c, int (*receive)(struct client *, const uint8_t *, unsigned)) {
  static uint8_t packet[MAX_PACKET];
  for (int more = 1; more && !c->done;) {
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len = c->connected ? recv(c->fd, packet, sizeof packet, 0)
                               : recvfrom(c->fd, packet, sizeof packet, 0,
                                          (struct sockaddr *)&from, &from_len);
    if (len < 0) return;
    /* The first answer to a TFTP request says which port the transfer has. */
    if (!c->connected) {
      if (connect(c->fd, (struct sockaddr *)&from, sizeof from)) die("connect");
      c->connected = 1;
    }
    totals.packets++;
    c->resends = 0;
    c->heard_ns = now_ns;
    more = receive(c, packet, (unsigned)len);
  }
}

static void resend_what_is_late(void) {
  for (unsigned i = 0; i < count; i++) {
    struct client *c = &clients[i];
    if (c->done || now_ns - c->heard_ns < RESEND_NS) continue;
    if (c->resends++ >= MAX_RESENDS) {
      client_end(c, "no answer");
      continue;
    }
    totals.resent++;
    client_send(c, c->last_len);
  }
}

static void run(int epoll, int (*receive)(struct client *, const uint8_t *, unsigned)) {
  struct epoll_event events[MAX_CLIENTS];
  uint64_t looked_ns = now_ns;
  while (running > 0) {
    int ready = epoll_wait(epoll, events, MAX_CLIENTS, TICK_MS);
    now_ns = monotonic_ns();
    for (int i = 0; i < ready; i++) drain(events[i].data.ptr, receive);
    if (now_ns - looked_ns < TICK_MS * 1000000ull) continue;
    looked_ns = now_ns;
    resend_what_is_late();
  }
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static uint32_t address_of(const char *text) {
  struct in_addr a;
  if (!inet_aton(text, &a)) die(text);
  return ntohl(a.s_addr);
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "make")) return make(argv[2], strtoull(argv[3], 0, 10));
  if (argc != 9) {
    fprintf(stderr, "see load.c for what it takes\n");
    return 2;
  }
  int nfs = strncmp(argv[1], "nfs", 3) == 0;
  job.nfs_version = nfs ? atoi(argv[1] + 3) : 0;
  job.server.sin_family = AF_INET;
  job.server.sin_addr.s_addr = htonl(address_of(argv[2]));
  job.server.sin_port = htons(nfs ? 2049 : 69);
  uint32_t first = address_of(argv[3]);
  count = (unsigned)atoi(argv[4]);
  job.file = argv[5];
  job.size = strtoull(argv[6], 0, 10);
  job.blksize = (unsigned)atoi(argv[7]);
  job.windowsize = nfs ? 1 : (unsigned)atoi(argv[8]);
  job.mount_port = nfs ? atoi(argv[8]) : 0;
  if (count < 1 || count > MAX_CLIENTS) die("COUNT");

  int epoll = epoll_create1(0);
  for (unsigned i = 0; i < count; i++) {
    /* An agent that knows its machines lets a card mount for its own address only: by NFS all are programs of one machine. */
    open_client(&clients[i], nfs ? first : first + i, epoll);
    if (nfs) nfs_mount(&clients[i]);
  }
  running = count;
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  uint64_t began_ns = now_ns = monotonic_ns();
  for (unsigned i = 0; i < count; i++) (nfs ? nfs_begin : tftp_begin)(&clients[i]);
  run(epoll, nfs ? nfs_receive : tftp_receive);
  double took = (double)(monotonic_ns() - began_ns) / 1e9;
  getrusage(RUSAGE_SELF, &after);
  double cpu = seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_utime) -
               seconds(before.ru_stime);
  printf("{\"octets\":%llu,\"seconds\":%.6f,\"packets\":%llu,\"resent\":%u,\"duplicates\":%u,"
         "\"errors\":%u,\"cpuSeconds\":%.6f,\"blksize\":%u,\"windowsize\":%u}\n",
         (unsigned long long)totals.octets, took, (unsigned long long)totals.packets, totals.resent,
         totals.duplicates, totals.errors, cpu, clients[0].blksize, clients[0].windowsize);
  return totals.errors ? 1 : 0;
}
