/* Does the same random things in two directories and compares what came of it, as fsx does with one file.
 *   exerciser DIR REFERENCE SECONDS SEED
 * DIR is what is tried, REFERENCE a file system that is trusted. The first difference ends it:
 * "LAB-DIFFERENT seed step what". Otherwise "LAB-SAME seed steps". */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 150000, CHUNK = 20000, NAMES = 12, LOOK_EVERY = 200 };

static const char *roots[2];
static unsigned long seed, count;
static unsigned long long state;
static char doing[400];

/* xorshift64*, Marsaglia and Vigna. */
static unsigned below(unsigned n) {
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return (unsigned)((state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static void differ(const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("LAB-DIFFERENT %lu %lu %s: ", seed, count, doing);
  vprintf(format, args);
  printf("\n");
  exit(1);
}

static void full(char *path, size_t room, int side, const char *name) {
  snprintf(path, room, "%s/%s", roots[side], name);
}

/* One of 12 names here, or in one of 3 directories which may be there or not. */
static void pick(char *name, size_t room) {
  unsigned where = below(4), which = below(NAMES);
  if (where == 3) snprintf(name, room, "n%u", which);
  else snprintf(name, room, "d%u/n%u", where, which);
}
static void pick_any(char *name, size_t room) {
  if (below(6) == 0) snprintf(name, room, "d%u", below(3));
  else pick(name, room);
}

static int write_at(const char *path, unsigned offset, const char *octets, unsigned length) {
  int file = open(path, O_WRONLY | O_CREAT, 0644), error = 0;
  if (file < 0) return errno;
  if (pwrite(file, octets, length, offset) != (ssize_t)length) error = errno ? errno : EIO;
  if (close(file) != 0 && error == 0) error = errno;
  return error;
}

static int map_at(const char *path, unsigned offset, const char *octets, unsigned length) {
  struct stat s;
  int file = open(path, O_RDWR);
  if (file < 0) return errno;
  if (fstat(file, &s) != 0 || !S_ISREG(s.st_mode) || (unsigned)s.st_size < offset + length) {
    close(file);
    return ERANGE;
  }
  char *at = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) return errno;
  memcpy(at + offset, octets, length);
  int error = msync(at, (size_t)s.st_size, MS_SYNC) == 0 ? 0 : errno;
  munmap(at, (size_t)s.st_size);
  close(file);
  return error;
}

static int run(int side, unsigned what, const char *a, const char *b, unsigned x, unsigned y, const char *octets) {
  char from[300], to[300];
  full(from, sizeof from, side, a);
  full(to, sizeof to, side, b);
  switch (what) {
    case 0: case 1: case 2: return write_at(from, x, octets, y);
    case 3: return map_at(from, x, octets, y);
    case 4: return truncate(from, x) == 0 ? 0 : errno;
    case 5: return unlink(from) == 0 ? 0 : errno;
    case 6: return rename(from, to) == 0 ? 0 : errno;
    case 7: return link(from, to) == 0 ? 0 : errno;
    case 8: return symlink(b, from) == 0 ? 0 : errno;
    case 9: return mkdir(from, 0755) == 0 ? 0 : errno;
    case 10: return rmdir(from) == 0 ? 0 : errno;
    default: return chmod(from, x & 0777) == 0 ? 0 : errno;
  }
}

static const char *const WORDS[] = {"write", "write", "write", "map", "truncate", "unlink", "rename", "link", "symlink",
                                    "mkdir", "rmdir", "chmod"};

static void same_content(const char *name, off_t size) {
  static char got[2][LONGEST + CHUNK + 1];
  char path[300];
  for (int side = 0; side < 2; side++) {
    full(path, sizeof path, side, name);
    int file = open(path, O_RDONLY);
    ssize_t n = 0, more = 1;
    while (file >= 0 && more > 0) n += more = read(file, got[side] + n, sizeof got[0] - (size_t)n);
    if (file < 0 || more < 0 || n != size) differ("%s has %ld octets to read, not %ld: %s", path, (long)n, (long)size, strerror(errno));
    close(file);
  }
  for (off_t i = 0; i < size; i++) {
    if (got[0][i] != got[1][i]) differ("%s at %ld is %02x, not %02x", name, (long)i, got[0][i] & 255, got[1][i] & 255);
  }
}

static void same(const char *name) {
  struct stat s[2];
  char path[300], target[2][300];
  int error[2];
  for (int side = 0; side < 2; side++) {
    full(path, sizeof path, side, name);
    error[side] = lstat(path, &s[side]) == 0 ? 0 : errno;
    ssize_t n = readlink(path, target[side], sizeof target[0] - 1);
    target[side][n < 0 ? 0 : n] = 0;
  }
  if (error[0] != error[1]) differ("%s is \"%s\", not \"%s\"", name, strerror(error[0]), strerror(error[1]));
  if (error[0] != 0) return;
  if (s[0].st_mode != s[1].st_mode) differ("%s has mode %o, not %o", name, s[0].st_mode, s[1].st_mode);
  if (strcmp(target[0], target[1]) != 0) differ("%s points to %s, not %s", name, target[0], target[1]);
  if (S_ISDIR(s[0].st_mode)) return;
  if (s[0].st_nlink != s[1].st_nlink) differ("%s has %lu names, not %lu", name, s[0].st_nlink, s[1].st_nlink);
  if (s[0].st_size != s[1].st_size) differ("%s has %ld octets, not %ld", name, (long)s[0].st_size, (long)s[1].st_size);
  if (S_ISREG(s[0].st_mode)) same_content(name, s[0].st_size);
}

static void same_names(const char *directory) {
  char path[300], name[300];
  int found[2] = {0, 0};
  for (int side = 0; side < 2; side++) {
    full(path, sizeof path, side, directory);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
      if (entry->d_name[0] == '.') continue;
      found[side]++;
      snprintf(name, sizeof name, "%s/%s", directory, entry->d_name);
      same(name);
    }
    if (dir != NULL) closedir(dir);
  }
  if (found[0] != found[1]) differ("%s has %d names, not %d", directory, found[0], found[1]);
}

/* What the kernel keeps of DIR is dropped, so that the server is asked. */
static void same_everywhere(void) {
  int drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
  strcpy(doing, "looking at everything");
  sync();
  if (drop >= 0) {
    if (write(drop, "3\n", 2) != 2) perror("drop_caches");
    close(drop);
  }
  same_names(".");
  same_names("d0"), same_names("d1"), same_names("d2");
}

int main(int argc, char **argv) {
  static char octets[CHUNK];
  if (argc != 5) return 2;
  roots[0] = argv[1], roots[1] = argv[2];
  seed = strtoul(argv[4], NULL, 10);
  state = seed * 2654435761ULL + 1;
  umask(0);
  for (time_t end = time(NULL) + atoi(argv[3]); time(NULL) < end;) {
    char a[100], b[100];
    unsigned what = below(12), x = below(LONGEST), y = 1 + below(CHUNK - 1);
    if (what >= 5) pick_any(a, sizeof a), pick_any(b, sizeof b);
    else pick(a, sizeof a), pick(b, sizeof b);
    if (what == 9 && below(2)) snprintf(a, sizeof a, "d%u", below(3));
    for (unsigned i = 0; i < y; i++) octets[i] = (char)below(256);
    count++;
    snprintf(doing, sizeof doing, "%s %s %s %u %u", WORDS[what], a, b, x, y);
    int tried = run(0, what, a, b, x, y, octets), wanted = run(1, what, a, b, x, y, octets);
    if (tried != wanted) differ("\"%s\", not \"%s\"", strerror(tried), strerror(wanted));
    same(a);
    same(b);
    if (count % LOOK_EVERY == 0) same_everywhere();
  }
  same_everywhere();
  printf("LAB-SAME %lu %lu\n", seed, count);
  return 0;
}
