#!/usr/bin/env bash
# Installs what building needs and is missing, and nothing else; silent when nothing is.
#
#   scripts/prerequisites.sh [test]     test: what the tests need, too
#
# Where PG_CONFIG names a server, that one's packages are its owner's business.
set -euo pipefail
cd "$(dirname "$0")/.."
pgrx=0.18.1

fail() { echo "$*" >&2; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
reason() { grep -E '^(E:|sudo:|error)' "$log" | tail -n 1; }

packages=(clang libclang-dev pkg-config)
[ -n "${PG_CONFIG:-}" ] || packages+=(postgresql-15 postgresql-server-dev-15)
# The tests unpack what would run as a service wherever it is installed (prometheus, pgbouncer), or
# would bring along much that nobody needs (the drivers of Go and Java).
unpacked=()
if [ "${1:-}" = test ]; then
    packages+=(postgresql-client-15 libipc-run-perl chromium fonts-dejavu-core jq curl golang-go libc-ares2 libevent-2.1-7)
    command -v npm >/dev/null || packages+=(nodejs npm)
    command -v javac >/dev/null || packages+=(openjdk-17-jdk-headless)
    python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
    unpacked=(prometheus prometheus-postgres-exporter pgbouncer libpostgresql-jdbc-java libgoogle-gson-java
        golang-github-jackc-{pgx-v4,pgconn,pgtype,pgio,pgpassfile,pgservicefile,pgproto3-v2,chunkreader-v2,puddle}-dev
        golang-golang-x-{crypto,text}-dev golang-github-shopspring-decimal-dev)
fi

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
fi

as_root() { env "$@"; }
if [ "$(id -u)" -ne 0 ]; then
    as_root() { sudo env "$@"; }
fi
apt() { as_root DEBIAN_FRONTEND=noninteractive apt-get "$@" >>"$log" 2>&1; }

# With its server Debian also makes and starts a system cluster, which nobody asked for here. Where
# postgresql-common is new, nobody has configured it either, and its file is lent for the moment.
apt_install() {
    local file=/etc/postgresql-common/createcluster.conf ok=0
    if ! installed postgresql-common && [[ " ${missing[*]} " == *" postgresql-15 "* ]]; then
        apt install -y --no-install-recommends postgresql-common || return 1
        as_root cp -p "$file" "$file.original" && as_root sed -i '$ a create_main_cluster = false' "$file" || return 1
    fi
    apt install -y --no-install-recommends "${missing[@]}" || ok=1
    [ ! -e "$file.original" ] || as_root mv "$file.original" "$file"
    return $ok
}

if [ ${#missing[@]} -gt 0 ]; then
    command=(apt-get install --no-install-recommends "${missing[@]}")
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail "missing; as root: ${command[*]}"
    echo "installing ${missing[*]}"
    apt update || true # where it matters, the next step fails, and says why
    apt_install || fail "cannot be installed ($(reason)); as root: ${command[*]}"
fi

tools=$PWD/target/debian
for package in "${unpacked[@]}"; do
    [ ! -e "$tools/usr/share/doc/$package" ] || continue
    echo "unpacking $package"
    mkdir -p "$tools"
    folder=$(mktemp -d)
    # _apt, as which apt-get fetches, may not write where root alone may.
    chmod 755 "$folder"
    [ "$(id -u)" -ne 0 ] || chown _apt "$folder" 2>/dev/null || true
    (cd "$folder" && { apt-get download "$package" >>"$log" 2>&1 || { apt update; apt-get download "$package" >>"$log" 2>&1; }; } &&
        dpkg-deb --extract "$package"_*.deb "$tools") ||
        fail "$package cannot be unpacked ($(reason)): apt-get download $package"
    rm -rf "$folder"
done

command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs"
if [ "$(cargo pgrx --version 2>/dev/null)" != "cargo-pgrx $pgrx" ]; then
    echo "installing cargo-pgrx $pgrx (some minutes)"
    cargo install cargo-pgrx --version "$pgrx" --locked --quiet >"$log" 2>&1 ||
        fail "cargo-pgrx $pgrx cannot be installed ($(reason)): cargo install cargo-pgrx --version $pgrx --locked"
fi
