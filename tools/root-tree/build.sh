#!/bin/bash
# build.sh: the Debian tree that all lab machines share (infra/lab/README.md), and its path on standard output. It is
# kept by a hash of its recipe, so a second call takes no time. With --path, only the path is printed, whether the tree
# is built or not; with --packages-path, that of a bare Debian tree without SLURM, which programs are taken out of. Needs
# root.
set -euo pipefail

suite=trixie
here=$(dirname "$(readlink -f "$0")")
recipe=$(readlink -f "$here/../../infra/lab")

fail() {
  echo "tools/root-tree/build.sh: $*" >&2
  exit 1
}

hash() { sha256sum | cut -d ' ' -f 1; }
lines() { cat "$@" | grep -v -e '^#' -e '^$' | LC_ALL=C sort; }

packages=$(lines "$recipe/packages" | paste -s -d ,)
machine_packages=$(lines "$recipe/packages" "$recipe/slurm-packages" | paste -s -d ,)
cache="${CLUSTER_OS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cluster-os}/root-tree"
# Two steps with a key each: the packages take minutes, our own files a second or two.
packages_key=$({ echo "$suite $packages" && cat "$here/packages.sh"; } | hash)
machine_key=$({ echo "$suite $machine_packages" && cat "$here/packages.sh"; } | hash)
files_key=$(cd "$recipe/root" && find . -type f -printf '%m %p\0' | LC_ALL=C sort -z | while IFS=' ' read -r -d '' mode file; do
  echo "$mode $file $(hash <"$file")"
done | hash)
key=$({ echo "$machine_key $files_key" && cat "$recipe/masked-units" "$here/build.sh"; } | hash)
debian="$cache/packages-$packages_key"
machine="$cache/packages-$machine_key"
tree="$cache/$key"

case "${1:-}" in
  "") ;;
  --path) echo "$tree" && exit 0 ;;
  --packages-path) echo "$debian" && exit 0 ;;
  *) fail "usage: build.sh [--path | --packages-path]" ;;
esac
if [ -d "$tree" ] && [ -d "$debian" ]; then echo "$tree" && exit 0; fi

[ "$(id -u)" = 0 ] || fail "needs root, to make a file system tree with its owners and modes"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [ -d "$tree" ] && [ -d "$debian" ]; then echo "$tree" && exit 0; fi

# We hold the lock: drafts are what killed builds left. One file system only: a build that died may have left a mount.
rm -rf --one-file-system "$cache"/draft.*
draft=$(mktemp -d "$cache/draft.XXXXXX")
trap 'rm -rf --one-file-system "$draft"' EXIT

# make_debian TREE PACKAGES: a Debian tree with those packages, unless it is there.
make_debian() {
  if [ -d "$1" ]; then return; fi
  echo "making a Debian $suite tree (some minutes the first time) ..." >&2
  "$here/packages.sh" "$suite" "$2" "$draft/debian" >&2 9>&- || fail "could not make the Debian tree (see above)"
  mv -T "$draft/debian" "$1"
}
make_debian "$debian" "$packages"
make_debian "$machine" "$machine_packages"

root="$draft/root"
cp -a --reflink=auto "$machine" "$root"
# What belongs to the machine that built the tree and not to those that run it: its name, resolver, mirror, device nodes,
# and the key that munge makes when it is installed.
rm -rf --one-file-system "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
rm -f "$root/etc/munge/munge.key"
rm -rf --one-file-system "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/run/* "$root"/tmp/*
find "$root/dev" -mindepth 1 -delete
echo localhost >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
# Empty, not absent: each machine makes its own at its first boot.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"

cp -a --no-preserve=ownership,timestamps "$recipe/root/." "$root/"
chown -R root:root "$root"/etc/systemd "$root"/usr/lib/cluster-os-lab "$root"/usr/lib/tmpfiles.d
# Kernel settings that are not of a network belong to the host: a machine has none of its own.
for settings in 10-coredump-debian.conf 50-pid-max.conf; do ln -sf /dev/null "$root/etc/sysctl.d/$settings"; done
for unit in $(lines "$recipe/masked-units"); do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
# Debian starts what it installs. Of SLURM nothing runs before node-agent says so, nor where there is none.
systemctl --quiet --root="$root" disable munge.service slurmctld.service slurmd.service slurmrestd.service
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -sf ../lab-cgroups.service "$root/etc/systemd/system/sysinit.target.wants/lab-cgroups.service"
# Mount points of what a lab machine keeps on a real disk: an overlay cannot be the upper side of another overlay.
mkdir -p "$root"/var/lib/containerd "$root"/var/lib/kubelet "$root"/var/lib/cni "$root"/var/log/journal "$root"/mnt
install -d -m 0700 "$root"/var/lib/etcd "$root"/var/lib/cluster-os

if [ ! -d "$tree" ]; then touch "$root" && mv -T "$root" "$tree"; fi
rm -rf --one-file-system "$draft"
trap - EXIT
# Trees of earlier recipes go, but for the last three and those that machines still run on.
"$here/forget-old.sh" "$cache" '????????????????*' 3 "$tree" "$debian" "$machine"
echo "$tree"
