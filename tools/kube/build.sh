#!/bin/bash
# build.sh [--minor vX.Y] [--path | OUT]: upstream Kubernetes and etcd as one program (cmd/hyperkube), and the path of
# the result on standard output. The result is kept by a hash of everything that decides it, so a second call takes no
# time. With OUT, a copy goes there as well. With --path, only the path is printed, whether it is built or not. With
# --minor, another minor version than the one that machines get: go-vX.Y.mod says which, for trying upgrades.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"

fail() {
  echo "tools/kube/build.sh: $*" >&2
  exit 1
}

out=
path_only=
usage="usage: build.sh [--minor vX.Y] [--path | OUT]"
modules=go
if [ "${1:-}" = --minor ]; then
  [ $# -ge 2 ] || fail "$usage"
  modules=go-$2
  [ -e "$modules.mod" ] || fail "there is no $modules.mod; write it, with the versions of that Kubernetes' own go.mod"
  shift 2
fi
case "${1:-}" in
  --path) path_only=yes ;;
  -*) fail "$usage" ;;
  *) out=${1:-} ;;
esac
[ $# -le 1 ] || fail "$usage"
version=$(sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$modules.mod")
IFS=. read -r major minor _ <<<"${version#v}"
[ -n "$minor" ] || fail "$modules.mod does not say which k8s.io/kubernetes"

cache="${CLUSTER_OS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cluster-os}/kube"
key=$(cat "$modules.mod" "$modules.sum" cmd/hyperkube/main.go build.sh | sha256sum | cut -d ' ' -f 1)
built="$cache/$key/hyperkube"

deliver() {
  if [ -n "$out" ]; then
    mkdir -p "$(dirname "$out")"
    install -m 0755 "$built" "$out.new"
    mv -f "$out.new" "$out"
  fi
  echo "$built"
  exit 0
}

if [ -n "$path_only" ] || [ -x "$built" ]; then deliver; fi

command -v go >/dev/null || fail "needs the Go toolchain named in go.mod; install it, or put its bin folder into PATH"
mkdir -p "$cache"
# One build at a time: two would each need some gigabytes of memory, and the second finds the first one's result.
exec 9>"$cache/.lock"
flock 9
if [ -x "$built" ]; then deliver; fi

# A killed build leaves its draft; we hold the lock, so nobody is writing one.
rm -rf --one-file-system "$cache"/draft.*
draft=$(mktemp -d "$cache/draft.XXXXXX")
trap 'rm -rf --one-file-system "$draft"' EXIT

# What kubectl version and the API server's /version report. The commit is zeros and the date fixed, because they would
# make every build differ and this is upstream's source as the module proxy serves it.
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=0000000000000000000000000000000000000000"
  flags+=" -X $package.buildDate=2026-01-01T00:00:00Z"
done

echo "building Kubernetes $version (some minutes the first time) ..." >&2
CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false nice go build -modfile="$modules.mod" -mod=readonly -trimpath -ldflags "$flags" \
  -o "$draft/hyperkube" ./cmd/hyperkube >&2 ||
  fail "go build failed (see above); if modules could not be fetched, check GOPROXY and the network"
reported=$("$draft/hyperkube" kubelet --version)
[ "$reported" = "Kubernetes $version" ] || fail "the result reports '$reported' instead of 'Kubernetes $version'"
chmod 0755 "$draft"
mv -T "$draft" "$cache/$key"
trap - EXIT
deliver
