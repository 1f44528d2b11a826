# The static busybox, for its TFTP client.
. "$(dirname "$0")/lib.sh"

cp "$(unpacked busybox-static)/bin/busybox" "$OUT/busybox"
