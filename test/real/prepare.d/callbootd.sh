# callbootd, the BOOTPARAMS client of netkit-bootparamd; Debian packages the daemon without it.
# Only the upstream tarball is needed.
. "$(dirname "$0")/lib.sh"

cd "$WORK"
own_apt apt-get source --download-only --tar-only \
  "netkit-bootparamd=$(source_version src:netkit-bootparamd)"
tar xzf netkit-bootparamd_*.orig.tar.gz
cd netkit-bootparamd-*/rpc.bootparamd
cp bootparam_prot.x.real bootparam_prot.x
rpcgen -h bootparam_prot.x >bootparam_prot.h
rpcgen -c bootparam_prot.x >bootparam_prot_xdr.c
rpcgen -l bootparam_prot.x >bootparam_prot_clnt.c
# libtirpc frees the results of a broadcast after each answer, so they cannot be the program's own
# static buffers; and it expects them empty at first.
sed -i -e '/stat_[a-z]*_res\.[a-z_]* = /d' -e 's/^    bp_\([a-z]*\)_res .*, \(.*\);/    static bp_\1_res *\1_res, \2;/' callbootd.c
[ "$(grep -c '^    static bp_' callbootd.c)" = 2 ] || { echo "callbootd.c is not as expected" && exit 1; }
gcc -O1 -w -include stdlib.h -I/usr/include/tirpc -o "$OUT/callbootd" \
  callbootd.c bootparam_prot_xdr.c bootparam_prot_clnt.c -ltirpc
