/* The whole user space of the emulated Sun: reads /vmunix, prints its size and its sum as cksum's
 * simplest relative (all octets added up), and powers off. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(void) {
  struct utsname name;
  unsigned char chunk[8192];
  unsigned long octets = 0, sum = 0;
  ssize_t got = 0;
  int file = open("/vmunix", O_RDONLY);

  uname(&name);
  printf("LAB-NFSROOT %s %s\n", name.release, name.machine);
  while (file >= 0 && (got = read(file, chunk, sizeof chunk)) > 0) {
    octets += (unsigned long)got;
    for (ssize_t i = 0; i < got; i++) sum += chunk[i];
  }
  if (file < 0 || got < 0) perror("LAB-ERROR /vmunix");
  printf("LAB-SUM %lu %lu\nLAB-DONE\n", octets, sum);
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
