#!/bin/bash
# packages.sh SUITE PACKAGES OUT: a minimal Debian of that suite with those packages (separated by commas) in the new
# folder OUT. Needs root and the network. The mirror is whatever this system's apt uses for the Debian archive, or
# $CLUSTER_OS_DEBIAN_MIRROR; the tree does not remember it.
set -euo pipefail
suite=$1 packages=$2 out=$3

fail() {
  echo "tools/root-tree/packages.sh: $*" >&2
  exit 1
}

# apt reads its own sources in all their formats, and tells whose archive each of them is.
find_mirror() {
  if [ -n "${CLUSTER_OS_DEBIAN_MIRROR:-}" ]; then
    echo "$CLUSTER_OS_DEBIAN_MIRROR"
    return
  fi
  apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

[ "$(id -u)" = 0 ] || fail "needs root, to make a file system tree with its owners and modes"
command -v mmdebstrap >/dev/null || fail "needs mmdebstrap; install the package of that name"
mirror=$(find_mirror)
[ -n "$mirror" ] || fail "found no Debian archive in apt's sources; run apt-get update, or set CLUSTER_OS_DEBIAN_MIRROR to a mirror's URL"

# _apt may not read the caches of root's home. Its own mount namespace: a killed mmdebstrap leaves no mount behind.
exec nice unshare --mount --propagation slave mmdebstrap \
  --mode=root --variant=minbase --format=directory --include="$packages" \
  --aptopt='APT::Sandbox::User "root"' \
  --aptopt='APT::Install-Recommends "false"' \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='force-unsafe-io' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  "$suite" "$out" "deb $mirror $suite main"
