#!/bin/sh
# build.sh OUT: builds the wireguard-go pinned in go.mod as one static program. It prints errors only.
set -eu
out=$(realpath -m "${1:?usage: build.sh OUT}")
cd "$(dirname "$(readlink -f "$0")")"
command -v go >/dev/null || {
  echo "tools/wireguard-go/build.sh: needs the Go toolchain named in go.mod; install it, or put its bin folder into PATH" >&2
  exit 1
}
mkdir -p "$(dirname "$out")"
# Beside the result and renamed, so that a build that is killed or two at once leave no half program.
draft=$(mktemp "$out.XXXXXX")
trap 'rm -f "$draft"' EXIT
CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= go build -mod=readonly -trimpath -buildvcs=false -ldflags '-s -w' \
  -o "$draft" golang.zx2c4.com/wireguard
chmod 0755 "$draft"
mv -f "$draft" "$out"
