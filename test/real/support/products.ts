import { homedir } from "node:os";
import { join } from "node:path";

/** Where `test/real/prepare` keeps what it built; the same rule as in its `lib.sh`. */
const { PILOTLIGHT_LAB_CACHE, XDG_CACHE_HOME } = process.env;
const CACHE: string =
  PILOTLIGHT_LAB_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "pilotlight-lab");

/** What `test/real/prepare` builds, under the names of its own table. */
const product = (name: string): string => join(CACHE, "current", name);

/** Linux 6.1 for a PC with IP_PNP and an NFS root over UDP. */
export const KERNEL_X86_64: string = product("kernel-x86_64/bzImage-lab");
/** The same for sun4u. */
export const KERNEL_SUN4U: string = product("kernel-sun4u/image-sparc64");
/** Its init prints `LAB-INITRD`, the command line, `LAB-DONE`, and powers off. */
export const INITRAMFS: string = product("initramfs/initrd.gz");
/** A root directory whose init prints `LAB-MD5` of /vmunix and `LAB-DONE`. */
export const NFSROOT_X86_64: string = product("nfsroot-x86_64/root");
/** The same for sun4u; it prints `LAB-SUM octets sum`. */
export const NFSROOT_SUN4U: string = product("nfsroot-sun4u/root");
/** U-Boot with `rarpboot` and `wget`. */
export const UBOOT_RARP: string = product("uboot-rarp/u-boot.bin");
/** Of the same source: a UEFI program for arm64 that prints from where it was loaded. */
export const HELLO_ARM64: string = product("uboot-rarp/helloworld.efi");
/** U-Boot whose `bootp` knows no DHCP. */
export const UBOOT_BOOTP: string = product("uboot-bootp/u-boot.bin");
/** Debian's own U-Boot: `dhcp`, `tftpboot`, `nfs`. */
export const UBOOT_DEBIAN = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";
/** What a mainframe boots: it prints `LAB-SUM octets sum` of a file that is a part of it. */
export const S390X_SUM: string = product("s390x/sum.bin");
/** That file. */
export const S390X_BLOB: string = product("s390x/blob.bin");
/** netkit's BOOTPARAMS client. */
export const CALLBOOTD: string = product("callbootd/callbootd");
/** busybox, for its TFTP client. */
export const BUSYBOX: string = product("busybox/busybox");
/** Debian's kernel for virtual machines. */
export const POWERGUEST_KERNEL: string = product("powerguest/vmlinuz");
/** Its init mounts two disks and runs a program from the first on the second. */
export const POWERGUEST_INITRAMFS: string = product("powerguest/initrd.gz");
/** The kernel of Debian's installations: its NFS has version 2, but not UDP. */
export const DEBIAN_KERNEL: string = product("debian-nfs/vmlinuz");
/** Its `/load-modules` loads what NFS takes; its init is to be replaced. */
export const DEBIAN_INITRAMFS: string = product("debian-nfs/initrd.gz");
/** iPXE as a UEFI program, from Debian's package. */
export const IPXE_EFI = "/usr/lib/ipxe/ipxe.efi";
