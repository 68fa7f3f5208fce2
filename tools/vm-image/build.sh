#!/bin/bash
# build.sh machine|tools: one of the two Debian trees of emulated machines (infra/qemu/README.md), and its path on
# standard output: "machine" is what is on their disks below our packages, with a kernel in /boot; "tools" has the QEMU
# that runs them. Each is kept by a hash of its recipe, so a second call takes no time. With --path before the name, only
# the path is printed, whether the tree is built or not. Needs root.
set -euo pipefail

suite=trixie
here=$(dirname "$(readlink -f "$0")")
recipe=$(readlink -f "$here/../../infra/qemu")
lab=$(readlink -f "$here/../../infra/lab")
make_debian=$(readlink -f "$here/../root-tree/packages.sh")

fail() {
  echo "tools/vm-image/build.sh: $*" >&2
  exit 1
}

hash() { sha256sum | cut -d ' ' -f 1; }
lines() { cat "$@" | grep -v -e '^#' -e '^$' | LC_ALL=C sort -u; }
hash_of_files() {
  (cd "$1" && find . -type f -printf '%m %p\0' | LC_ALL=C sort -z | while IFS=' ' read -r -d '' mode file; do
    echo "$mode $file $(hash <"$file")"
  done | hash)
}

path_only=
if [ "${1:-}" = --path ]; then path_only=yes && shift; fi
cache="${CLUSTER_OS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cluster-os}/vm-image"
case "${1:-}" in
  # A machine has what a lab machine has, and what a kernel of its own brings with it.
  machine) packages=$(lines "$recipe/packages" "$lab/packages" | paste -s -d ,) ;;
  tools) packages=$(lines "$recipe/tool-packages" | paste -s -d ,) ;;
  *) fail "usage: build.sh [--path] machine|tools" ;;
esac
# Two steps with a key each: the packages take minutes, our own files seconds.
debian_key=$({ echo "$suite $packages" && cat "$make_debian"; } | hash)
debian="$cache/packages-$debian_key"
key=$debian_key
if [ "$1" = machine ]; then
  key=$({ echo "$debian_key $(hash_of_files "$recipe/root")" && cat "$recipe/masked-units" "$here/build.sh"; } | hash)
fi
tree="$cache/$1-$key"

if [ -n "$path_only" ] || [ -d "$tree" ]; then echo "$tree" && exit 0; fi

[ "$(id -u)" = 0 ] || fail "needs root, to make a file system tree with its owners and modes"
mkdir -p "$cache"
# One build of each at a time: a second one finds the first one's result.
exec 9>"$cache/.lock-$1"
flock 9
if [ -d "$tree" ]; then echo "$tree" && exit 0; fi

# We hold the lock: drafts are what killed builds left. One file system only: a build that died may have left a mount.
rm -rf --one-file-system "$cache/draft-$1".*
draft=$(mktemp -d "$cache/draft-$1.XXXXXX")
trap 'rm -rf --one-file-system "$draft"' EXIT

if [ ! -d "$debian" ]; then
  echo "making the Debian $suite tree of $1 (a minute or two the first time) ..." >&2
  "$make_debian" "$suite" "$packages" "$draft/debian" >&2 9>&- || fail "could not make the Debian tree (see above)"
  mv -T "$draft/debian" "$debian"
fi

root="$draft/root"
cp -a --reflink=auto "$debian" "$root"
rm -rf --one-file-system "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/run/* "$root"/tmp/*
find "$root/dev" -mindepth 1 -delete

if [ "$1" = machine ]; then
  # What belongs to the machine that built the tree and not to those that run it: name, resolver, mirror, keys.
  rm -rf "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
  rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
  echo localhost >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  : >"$root/etc/resolv.conf"
  # Empty, not absent: each machine makes its own at its first boot.
  : >"$root/etc/machine-id"
  echo 'LABEL=cluster-os / ext4 defaults,noatime 0 1' >"$root/etc/fstab"
  cp -a --no-preserve=ownership,timestamps "$recipe/root/." "$root/"
  chown -R root:root "$root"/etc/cloud "$root"/etc/ssh "$root"/etc/systemd
  for unit in $(lines "$recipe/masked-units"); do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
  systemctl --quiet --root="$root" enable systemd-networkd.service ssh.service >&2 9>&-
  mkdir -p "$root/var/log/journal"
fi

touch "$root" && mv -T "$root" "$tree"
rm -rf --one-file-system "$draft"
trap - EXIT
# Trees of earlier recipes go, but for the last two and those that are in use; the packages' trees go with them.
"$here/../root-tree/forget-old.sh" "$cache" "$1-*" 1 "$tree"
find "$cache" -mindepth 1 -maxdepth 1 -type d -name 'packages-*' -mtime +14 -exec rm -rf --one-file-system {} +
echo "$tree"
