#!/bin/sh
# build.sh OUT: builds CoreDNS as one static program.
set -eu
out=$(realpath -m "${1:?usage: build.sh OUT}")
cd "$(dirname "$0")"
CGO_ENABLED=0 GOOS=linux GOARCH=amd64 exec go build -mod=readonly -trimpath -buildvcs=false -ldflags '-s -w' -o "$out" .
