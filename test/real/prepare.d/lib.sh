# Shared by test/real/prepare and its recipes.
cache=${PILOTLIGHT_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pilotlight-lab}
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000

say() { echo "prepare: $*" >&2; }
die() { say "$*" && exit 1; }

# logged NAME COMMAND...: output goes to the product's log; a failure shows its end.
logged() {
  local log="$cache/log/$1.log"
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    say "failed: $*"
    say "the last lines of $log:"
    tail -n 25 "$log" | sed 's/^/    /' >&2
    exit 1
  fi
}

# apt with lists and caches of its own: the machine's apt configuration is read, never changed.
own_apt() {
  local tool=$1
  shift
  "$tool" -o Dir::Etc::SourceList="$cache/apt/debian.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache" \
    -o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}

# The machine's own Debian sources (both formats), as one-line deb and deb-src entries.
debian_sources() {
  local files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list)
  cat "${files[@]}" 2>/dev/null | sed -nE 's/^deb(-src)?[[:space:]]+/deb /p' | grep '/debian' || true
  awk -v RS= -v FS='\n' '{
    uris = suites = components = key = ""
    for (i = 1; i <= NF; i++) {
      if ($i ~ /^Enabled:[ \t]*no/) next
      if ($i ~ /^URIs:/) uris = substr($i, 6)
      if ($i ~ /^Suites:/) suites = substr($i, 8)
      if ($i ~ /^Components:/) components = substr($i, 12)
      if ($i ~ /^Signed-By:[ \t]*\//) { key = substr($i, 11); gsub(/[ \t]/, "", key) }
    }
    n = split(uris, uri, " "); m = split(suites, suite, " ")
    for (u = 1; u <= n; u++) if (uri[u] ~ /\/debian/) for (s = 1; s <= m; s++)
      print "deb " (key ? "[signed-by=" key "] " : "") uri[u] " " suite[s] components
  }' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
}

# refresh_sources PACKAGE...: fresh lists, and a note of each package's version.
refresh_sources() {
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
  debian_sources | sort -u | sed 'p; s/^deb /deb-src /' >"$cache/apt/debian.list"
  [ -s "$cache/apt/debian.list" ] || die "no Debian sources in /etc/apt/sources.list or sources.list.d"
  logged apt-update own_apt apt-get update
  local package
  for package in "$@"; do
    case $package in
      dpkg:*) continue ;;
      src:*) echo "$package $(own_apt apt-cache showsrc "${package#src:}" | sed -n 's/^Version: //p' | sort -V | tail -n 1)" ;;
      *) echo "$package $(own_apt apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p')" ;;
    esac
  done >"$cache/versions.new"
  mv "$cache/versions.new" "$cache/versions"
}
source_version() {
  case $1 in
    dpkg:*) dpkg-query -W -f '${Version}' "${1#dpkg:}" 2>/dev/null || true ;;
    *) sed -n "s/^$1 //p" "$cache/versions" 2>/dev/null || true ;;
  esac
}

# debian_source PACKAGE: unpacks Debian's source package, patches applied, and prints where.
debian_source() {
  local tree="$DOWNLOADS/$1"
  if [ ! -d "$tree" ]; then
    (cd "$DOWNLOADS" && own_apt apt-get source --download-only "$1=$(source_version "src:$1")" >&2)
    dpkg-source --no-check -x "$DOWNLOADS/$1"_*.dsc "$tree.part" >&2
    mv "$tree.part" "$tree"
  fi
  echo "$tree"
}

# unpacked PACKAGE: a binary package's files, not installed, and prints where. busybox-static, for
# one, cannot be installed beside the busybox of a machine that has an initramfs.
unpacked() {
  local tree="$DOWNLOADS/$1"
  if [ ! -d "$tree" ]; then
    (cd "$DOWNLOADS" && own_apt apt-get download "$1=$(source_version "$1")" >&2)
    dpkg-deb -x "$DOWNLOADS/$1"_*.deb "$tree.part"
    mv "$tree.part" "$tree"
  fi
  echo "$tree"
}

# seeded_octets SEED COUNT: the same pseudo-random octets everywhere.
seeded_octets() {
  openssl enc -aes-128-ctr -nosalt -K "$(printf '%s' "$1" | sha256sum | cut -c1-32)" \
    -iv 00000000000000000000000000000000 -in <(head -c "$2" /dev/zero)
}
