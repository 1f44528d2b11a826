# An initramfs whose init prints the kernel's command line, a last line, and powers off.
. "$(dirname "$0")/lib.sh"

cd "$WORK"
mkdir -p bin dev proc
cp "$(unpacked busybox-static)/bin/busybox" bin/busybox
cat >init <<'EOF'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev 2>/dev/null
exec >/dev/console 2>&1 </dev/console
echo "LAB-INITRD $(/bin/busybox uname -r)"
echo "LAB-CMDLINE $(/bin/busybox cat /proc/cmdline)"
echo LAB-DONE
/bin/busybox poweroff -f
EOF
chmod 755 init bin/busybox
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
find . -print0 | sort -z | cpio --null --create --format=newc --owner=0:0 --reproducible --quiet |
  gzip -9n >"$OUT/initrd.gz"
