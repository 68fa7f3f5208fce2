#!/bin/bash
# clean.sh: removes what building emulated machines left in the cache: trees, package layers, disks. Needs root. The next
# build takes minutes again.
set -euo pipefail

cache="${CLUSTER_OS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cluster-os}"
for folder in vm-image vm-root vm-disk vm-passed; do
  if grep -qsF "$cache/$folder/" /proc/[0-9]*/mountinfo; then
    echo "tools/vm-image/clean.sh: machines run on $cache/$folder; end them first (cluster-os down)" >&2
    exit 1
  fi
  rm -rf --one-file-system "${cache:?}/$folder"
done
