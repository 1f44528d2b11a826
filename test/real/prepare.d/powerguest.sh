# Debian's own kernel and an initramfs for a guest whose disk survives it: a read-only disk of
# programs, and one that is mounted at /state. Its init runs the program and powers off.
. "$(dirname "$0")/lib.sh"

# The package of the name that stays depends on the one that has the kernel, of the same version.
meta=linux-image-cloud-amd64
image=$(own_apt apt-cache depends "$meta=$(source_version $meta)" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
[ -n "$image" ] || { echo "$meta depends on no kernel" && exit 1; }
cd "$WORK"
own_apt apt-get download "$image"
dpkg-deb -x "$image"_*.deb image
cp image/boot/vmlinuz-* "$OUT/vmlinuz"

# The modules in the order in which they are loaded; what is built in is in none of the files.
modules=$(echo "$PWD"/image/lib/modules/*)
depmod -b image "$(basename "$modules")"
mkdir -p root/bin root/dev root/proc root/sys root/programs root/modules
n=10
for module in virtio_pci virtio_blk crc32c_intel crc32c_generic ext4; do
  modprobe -d image -S "$(basename "$modules")" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' >order
while read -r file; do
  cp "$file" "root/modules/$n-$(basename "$file")"
  n=$((n + 1))
done <order
ls root/modules

cp "$(unpacked busybox-static)/bin/busybox" root/bin/busybox
# GUEST_RUN is given on the kernel's command line; its words are parted by commas.
cat >root/init <<'END'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
exec >/dev/console 2>&1 </dev/console
# A module that this processor has no use for refuses itself.
for module in /modules/*; do insmod "$module" 2>/dev/null; done
tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || { echo "GUEST-FAULT no disks" && poweroff -f; }
  usleep 50000
done
mount -t ext4 -o ro /dev/vda /programs || { echo "GUEST-FAULT programs" && poweroff -f; }
mount -t ext4 /dev/vdb /programs/state || { echo "GUEST-FAULT state disk cannot be mounted" && poweroff -f; }
mount --bind /proc /programs/proc
mount --bind /dev /programs/dev
echo GUEST-UP
IFS=,
chroot /programs $GUEST_RUN
echo "GUEST-END $?"
umount /programs/state
poweroff -f
END
chmod 755 root/init root/bin/busybox
cd root
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
find . -print0 | sort -z | cpio --null --create --format=newc --owner=0:0 --reproducible --quiet |
  gzip -1n >"$OUT/initrd.gz"
