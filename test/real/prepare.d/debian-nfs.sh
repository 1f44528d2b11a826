# Debian's own kernel and an initramfs with its NFS modules. The init loads them, says so and powers
# off: a test lays its own init over it, which runs /load-modules first.
. "$(dirname "$0")/lib.sh"

# The package of the name that stays depends on the one that has the kernel, of the same version.
meta=linux-image-amd64
image=$(own_apt apt-cache depends "$meta=$(source_version $meta)" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
[ -n "$image" ] || { echo "$meta depends on no kernel" && exit 1; }
cd "$WORK"
own_apt apt-get download "$image"
dpkg-deb -x "$image"_*.deb image
cp image/boot/vmlinuz-* "$OUT/vmlinuz"

# The modules in the order in which they are loaded; what is built in is in none of the files.
modules=$(basename "$PWD"/image/lib/modules/*)
depmod -b image "$modules"
mkdir -p root/bin root/dev root/proc root/mnt root/modules
for module in virtio_pci virtio_net nfs nfsv2; do
  modprobe -d image -S "$modules" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' >order
n=10
while read -r file; do
  cp "$file" "root/modules/$n-$(basename "$file")"
  n=$((n + 1))
done <order
ls root/modules

cp "$(unpacked busybox-static)/bin/busybox" root/bin/busybox
cat >root/load-modules <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
# One that this processor has no use for refuses itself.
for module in /modules/*; do insmod "$module" 2>/dev/null; done
END
cat >root/init <<'END'
#!/bin/busybox sh
. /load-modules
exec >/dev/console 2>&1 </dev/console
echo "LAB-MODULES $(lsmod | grep -c .)"
poweroff -f
END
chmod 755 root/init root/load-modules root/bin/busybox
cd root
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
find . -print0 | sort -z | cpio --null --create --format=newc --owner=0:0 --reproducible --quiet |
  gzip -1n >"$OUT/initrd.gz"
