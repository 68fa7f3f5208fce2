#!/bin/bash
# install.sh: the Debian packages that building and the lab need, installed where they are missing. Needs root only if
# something is missing. Go comes from elsewhere: Debian 12's is too old to build Kubernetes.
set -euo pipefail

go_wanted=1.24
# What it is for stands beside it, in the order of first use.
packages=(
  make gcc libc6-dev                                     # the pause container
  g++ python3                                            # node-gyp: the native part of libs/node-wireguard
  mmdebstrap zstd dpkg-dev                               # the machines' Debian tree, our packages
  systemd-container iproute2 nftables conntrack          # machines and their network
  buildah                                                # the operator's image
  unzip                                                  # helm, out of its npm package
  wireguard-tools iputils-ping openssl                   # looking at the mesh from outside
)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "these Debian packages are missing: ${missing[*]}; run this as root: make deps" >&2
    exit 1
  fi
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq --yes --no-install-recommends "${missing[@]}" </dev/null
fi

go_found=$(go env GOVERSION 2>/dev/null || true)
if [ "$(printf '%s\n' "go$go_wanted" "${go_found:-go0}" | sort --version-sort | head -n 1)" != "go$go_wanted" ]; then
  echo "Go $go_wanted or newer is needed and ${go_found:-none} was found: unpack a release of https://go.dev/dl/ to" \
    "/usr/local/go and put /usr/local/go/bin into PATH" >&2
  exit 1
fi
