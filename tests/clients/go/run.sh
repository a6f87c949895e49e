#!/usr/bin/env bash
# The scenario by pgx. Its sources are Debian's: installed, or unpacked by scripts/prerequisites.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")/../../.." && pwd)
unpacked=$here/target/debian/usr/share
export GO111MODULE=off GOPATH=$unpacked/gocode:/usr/share/gocode GOCACHE=$here/target/go
# The library does not know its version.
changes=doc/golang-github-jackc-pgx-v4-dev/changelog.Debian.gz
[ -e "$unpacked/$changes" ] || unpacked=/usr/share
version=$(zcat "$unpacked/$changes" | sed -n '1s/.*(\(.*\)-.*/\1/p')
mkdir -p "$here/target/clients"
go build -ldflags "-X main.version=$version" -o "$here/target/clients/pgx" "$here/tests/clients/go/scenario.go"
exec "$here/target/clients/pgx"
