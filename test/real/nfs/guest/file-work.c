/* What a diskless system does to its root, and whether that is still there.
 *   file-work write DIR   does it, below DIR/work
 *   file-work check DIR   looks for it, also after a restart
 * A line a step: "LAB-OK what" or "LAB-BAD what: why". The status is 1 when there was a bad one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWAP = 8 << 20, PAGE = 4096, MAPPED = 70000, MANY = 300 };

static int bad;

static void step(int ok, const char *what) {
  if (ok) printf("LAB-OK %s\n", what);
  else printf("LAB-BAD %s: %s\n", what, strerror(errno));
  fflush(stdout);
  bad |= !ok;
  errno = 0;
}

static int put(const char *path, int flags, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | flags, 0644);
  ssize_t length = (ssize_t)strlen(text);
  if (file < 0) return 0;
  int ok = write(file, text, (size_t)length) == length;
  return close(file) == 0 && ok;
}

static int holds(const char *path, const char *text) {
  char got[4096];
  int file = open(path, O_RDONLY);
  if (file < 0) return 0;
  ssize_t n = read(file, got, sizeof got);
  close(file);
  return n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0;
}

static int missing(const char *path) {
  struct stat s;
  return lstat(path, &s) != 0 && errno == ENOENT;
}

/* As swapon would want it: its size is there, octets are only where something was paged out. */
static int make_swap(void) {
  char page[PAGE];
  int file = open("swap", O_RDWR | O_CREAT | O_SYNC, 0600), ok;
  if (file < 0) return 0;
  ok = ftruncate(file, SWAP) == 0;
  for (int at = 0; ok && at < SWAP; at += SWAP / 16) {
    memset(page, 'a' + at / (SWAP / 16), sizeof page);
    ok = pwrite(file, page, sizeof page, at) == sizeof page;
  }
  return close(file) == 0 && ok;
}

static int swap_is_right(void) {
  char page[PAGE];
  struct stat s;
  int file = open("swap", O_RDONLY), ok = file >= 0 && fstat(file, &s) == 0 && s.st_size == SWAP;
  for (int at = 0; ok && at < SWAP; at += PAGE) {
    char wanted = at % (SWAP / 16) == 0 ? (char)('a' + at / (SWAP / 16)) : 0;
    ok = read(file, page, sizeof page) == sizeof page;
    for (int i = 0; ok && i < PAGE; i++) ok = page[i] == wanted;
  }
  if (file >= 0) close(file);
  return ok;
}

static int make_mapped(void) {
  int file = open("mapped", O_RDWR | O_CREAT, 0644);
  if (file < 0 || ftruncate(file, MAPPED) != 0) return 0;
  char *at = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) return 0;
  for (int i = 0; i < MAPPED; i++) at[i] = (char)(i * 7);
  int ok = msync(at, MAPPED, MS_SYNC) == 0 && munmap(at, MAPPED) == 0;
  return close(file) == 0 && ok;
}

static int mapped_is_right(void) {
  static char got[MAPPED + 1];
  int file = open("mapped", O_RDONLY), ok;
  ssize_t n = 0, more = 1;
  while (file >= 0 && more > 0) n += more = read(file, got + n, sizeof got - (size_t)n);
  ok = n == MAPPED;
  for (int i = 0; ok && i < MAPPED; i++) ok = got[i] == (char)(i * 7);
  if (file >= 0) close(file);
  return ok;
}

/* A file that is open outlives its name. */
static int use_unlinked(void) {
  char got[6];
  int file = open("unlinked", O_RDWR | O_CREAT, 0600), ok;
  if (file < 0 || unlink("unlinked") != 0) return 0;
  ok = write(file, "alive", 6) == 6 && fsync(file) == 0 && pread(file, got, 6, 0) == 6;
  return close(file) == 0 && ok && memcmp(got, "alive", 6) == 0;
}

/* As rm -r: names go while the directory is read, none may be skipped for that. */
static int empty_while_reading(void) {
  char name[32];
  struct dirent *entry;
  DIR *dir;
  if (mkdir("many", 0755) != 0) return 0;
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "many/a-name-of-it-%d", i);
    if (mknod(name, S_IFREG | 0644, 0) != 0) return 0;
  }
  if ((dir = opendir("many")) == NULL) return 0;
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) != 0) return 0;
  }
  closedir(dir);
  return rmdir("many") == 0;
}

static void write_all(void) {
  struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
  step(put("new.txt", O_EXCL, "new\n"), "create");
  step(put("shared.txt", O_APPEND, "appended\n"), "append to a file of the root");
  step(put("overwritten.txt", O_TRUNC, "mine\n"), "overwrite a file of the root");
  step(truncate("cut.txt", 3) == 0, "cut a file of the root");
  step(put("fresh", O_EXCL, "replaced\n") && rename("fresh", "replaced.txt") == 0, "rename over a file of the root");
  step(rename("moved.txt", "moved-to.txt") == 0, "rename a file of the root");
  step(rename("old-dir", "new-dir") == 0, "rename a directory of the root");
  step(put("new-dir/added.txt", O_EXCL, "added\n"), "create in the renamed directory");
  step(unlink("doomed.txt") == 0, "delete a file of the root");
  step(unlink("gone-dir/a.txt") == 0 && rmdir("gone-dir") == 0, "delete a directory of the root");
  step(mkdir("doomed.txt", 0700) == 0, "make a directory where a file was");
  step(put("doomed.txt/inside.txt", O_EXCL, "inside\n"), "create in a new directory");
  step(link("target.txt", "hard.txt") == 0 && put("hard.txt", O_APPEND, "by its other name\n"), "hard link");
  step(symlink("../work/target.txt", "soft.txt") == 0, "symbolic link");
  step(chmod("modes.txt", 04711) == 0 && chown("modes.txt", 1000, 100) == 0, "owner");
  step(chmod("modes.txt", 0640) == 0, "mode");
  step(utimensat(AT_FDCWD, "times.txt", times, 0) == 0, "times");
  step(make_swap(), "a sparse file, by O_SYNC");
  step(make_mapped(), "a file by mmap");
  step(use_unlinked(), "a file that is open when it is deleted");
  step(empty_while_reading(), "empty a directory while it is read");
}

static void check_all(void) {
  struct stat a, b;
  step(holds("new.txt", "new\n"), "created");
  step(holds("shared.txt", "shared\nappended\n"), "appended");
  step(holds("overwritten.txt", "mine\n"), "overwritten");
  step(holds("cut.txt", "cut"), "cut");
  step(holds("replaced.txt", "replaced\n") && missing("fresh"), "renamed over another");
  step(holds("moved-to.txt", "moved\n") && missing("moved.txt"), "renamed");
  step(holds("new-dir/within.txt", "within\n") && missing("old-dir"), "renamed directory");
  step(holds("new-dir/added.txt", "added\n"), "created in the renamed directory");
  step(missing("gone-dir") && missing("gone-dir/a.txt"), "deleted directory");
  step(holds("doomed.txt/inside.txt", "inside\n"), "created in a new directory");
  step(stat("doomed.txt", &a) == 0 && a.st_mode == (S_IFDIR | 0700), "directory where a file was");
  step(holds("target.txt", "target\nby its other name\n"), "written by the other name");
  step(stat("target.txt", &a) == 0 && stat("hard.txt", &b) == 0 && a.st_ino == b.st_ino && a.st_nlink == 2,
       "two names of one file");
  step(holds("soft.txt", "target\nby its other name\n") && lstat("soft.txt", &a) == 0 && S_ISLNK(a.st_mode),
       "symbolic link");
  step(stat("modes.txt", &a) == 0 && a.st_mode == (S_IFREG | 0640) && a.st_uid == 1000 && a.st_gid == 100,
       "mode and owner");
  step(stat("times.txt", &a) == 0 && a.st_mtime == 1100000000, "times");
  step(swap_is_right(), "sparse file");
  step(mapped_is_right(), "mapped file");
  step(missing("unlinked") && missing("many"), "nothing left behind");
}

int main(int argc, char **argv) {
  if (argc != 3 || chdir(argv[2]) != 0 || chdir("work") != 0) {
    perror("file-work write|check DIR");
    return 2;
  }
  umask(0);
  if (strcmp(argv[1], "write") == 0) write_all();
  else check_all();
  return bad;
}
