# Debian's U-Boot source with commands that Debian's own build leaves out.
#   uboot.sh rarp  -> u-boot.bin with rarpboot, wget, tftpput and a TFTP window of 8;
#                    and helloworld.efi, a UEFI program that prints from where it was loaded
#   uboot.sh bootp -> u-boot.bin that is pure BOOTP: `bootp` sends no DHCP options
. "$(dirname "$0")/lib.sh"

tree=$(debian_source u-boot)
export CROSS_COMPILE=aarch64-linux-gnu-
cd "$tree"
make -s O="$WORK" qemu_arm64_defconfig
cd "$WORK"
case $1 in
  rarp) options=(-e CMD_RARP -e CMD_TFTPPUT -e CMD_DNS -e CMD_PXE -e CMD_NFS -e CMD_WGET
    -e PROT_TCP -e PROT_UDP --set-val TFTP_WINDOWSIZE 8) ;;
  bootp) options=(-d CMD_DHCP -d DISTRO_DEFAULTS -d BOOTSTD -d EFI_LOADER -e CMD_BOOTP -e CMD_RARP
    -e CMD_NFS -e CMD_TFTPBOOT -e CMD_PXE -e HUSH_PARSER -e CMD_PING -e CMD_SETEXPR) ;;
esac
"$tree/scripts/config" --file .config "${options[@]}"
make -s olddefconfig
make -s -j"$(nproc)" u-boot.bin NO_SDL=1
cp u-boot.bin "$OUT/"
[ "$1" != rarp ] || cp lib/efi_loader/helloworld.efi "$OUT/"
cd / && rm -rf "$WORK"
