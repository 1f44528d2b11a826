# Linux 6.1 as a diskless client: ip=rarp, ip=bootp, ip=dhcp and an NFSv2 or v3 root over UDP or
# TCP. Debian's own kernels have neither IP_PNP nor NFS over UDP.
#   kernel.sh x86_64 -> bzImage-lab (PC with virtio or e1000)
#   kernel.sh sun4u  -> image-sparc64 (UltraSPARC with the HME NIC, as in a real Sun Fire V100)
. "$(dirname "$0")/lib.sh"

tree=$DOWNLOADS/linux
if [ ! -d "$tree" ]; then
  archive=$(unpacked linux-source-6.1)/usr/src/linux-source-6.1.tar.xz
  rm -rf "$tree.part" && mkdir "$tree.part"
  # Documentation/Kconfig is read; the rest and the largest headers are not.
  tar -C "$tree.part" --strip-components=1 -xf "$archive" \
    --exclude='*/Documentation/[a-z]*' --exclude='*/amd/include/asic_reg' --exclude='*/tools/testing'
  mv "$tree.part" "$tree"
fi

both='64BIT PRINTK TTY PCI BLK_DEV_INITRD RD_GZIP BINFMT_ELF BINFMT_SCRIPT DEVTMPFS DEVTMPFS_MOUNT
  PROC_FS SYSFS TMPFS SHMEM NET PACKET UNIX INET IP_PNP IP_PNP_DHCP IP_PNP_BOOTP IP_PNP_RARP
  NETDEVICES ETHERNET NET_CORE NETWORK_FILESYSTEMS FILE_LOCKING NFS_FS NFS_V2 NFS_V3 ROOT_NFS
  SUNRPC MULTIUSER POSIX_TIMERS FUTEX EPOLL BUG ELF_CORE BASE_FULL SYSCTL'
case $1 in
  x86_64)
    export ARCH=x86
    enable="$both ACPI HYPERVISOR_GUEST PARAVIRT KVM_GUEST HIGH_RES_TIMERS KERNEL_GZIP RELOCATABLE
      EFI EFI_STUB MULTICORE SERIAL_8250 SERIAL_8250_CONSOLE VIRTIO_MENU VIRTIO_PCI
      VIRTIO_PCI_LEGACY VIRTIO_NET NET_VENDOR_INTEL E1000 E1000E SIGNALFD TIMERFD EVENTFD AIO
      ADVISE_SYSCALLS UNIX98_PTYS KALLSYMS"
    disable=''
    ;;
  sun4u)
    export ARCH=sparc64 CROSS_COMPILE=sparc64-linux-gnu-
    enable="$both SBUS SERIAL_SUNCORE SERIAL_SUNZILOG SERIAL_SUNSU SERIAL_SUNSU_CONSOLE
      SERIAL_SUNSAB NET_VENDOR_SUN HAPPYMEAL"
    disable='VT PTP_1588_CLOCK'
    ;;
esac
# A name and date of its own would make each build differ.
export KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_TIMESTAMP='2023-11-14 22:13:20 UTC'

cd "$tree"
make -s O="$WORK" tinyconfig
cd "$WORK"
for option in $enable; do "$tree/scripts/config" -e "$option"; done
for option in NFS_DISABLE_UDP_SUPPORT NFS_V4 WERROR $disable; do "$tree/scripts/config" -d "$option"; done
make -s olddefconfig
for option in IP_PNP_RARP IP_PNP_BOOTP NFS_V2 ROOT_NFS; do
  grep -q "^CONFIG_$option=y" .config || { echo "CONFIG_$option did not stay on" && exit 1; }
done

case $1 in
  x86_64) make -s -j"$(nproc)" bzImage && cp arch/x86/boot/bzImage "$OUT/bzImage-lab" ;;
  sun4u) make -s -j"$(nproc)" vmlinux image && cp arch/sparc/boot/image "$OUT/image-sparc64" ;;
esac
cd / && rm -rf "$WORK"
