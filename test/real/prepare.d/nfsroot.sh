# A root file system for a diskless client. Its init reads a file of 1 000 000 octets through two
# symbolic links, prints what it found, and powers off.
#   nfsroot.sh x86_64 -> root/ with a static busybox
#   nfsroot.sh sun4u  -> root/ with one static program for UltraSPARC
. "$(dirname "$0")/lib.sh"

root=$OUT/root
mkdir -p "$root"/{bin,boot,dev,etc,mnt,proc,sbin,sys,tmp}
seeded_octets "nfsroot $1" 1000000 >"$root/boot/blob.bin"
ln -s blob.bin "$root/boot/current"
ln -s boot/current "$root/vmunix"
echo "hello from the lab" >"$root/etc/motd"
# More names than one READDIR reply holds.
mkdir "$root/etc/many" && (cd "$root/etc/many" && touch $(seq -f 'a-fairly-long-file-name-%03.0f' 200))

case $1 in
  x86_64)
    cp "$(unpacked busybox-static)/bin/busybox" "$root/bin/busybox"
    for applet in sh mount uname md5sum cat ls grep wc poweroff; do ln -s busybox "$root/bin/$applet"; done
    cat >"$root/sbin/init" <<'EOF'
#!/bin/sh
mount -t proc proc /proc
exec >/dev/console 2>&1 </dev/console
echo "LAB-NFSROOT $(uname -r) $(uname -m)"
echo "LAB-CMDLINE $(cat /proc/cmdline)"
echo "LAB-MD5 $(md5sum </vmunix)"
echo "LAB-MANY $(ls /etc/many | wc -l)"
grep ' / nfs' /proc/mounts
cat /etc/motd
echo LAB-DONE
poweroff -f
EOF
    chmod 755 "$root/sbin/init" "$root/bin/busybox"
    ;;
  sun4u)
    sparc64-linux-gnu-gcc -static -O1 -s -o "$root/sbin/init" "$(dirname "$0")/sun4u-init.c"
    ;;
esac
chmod -R go+rX "$root"
