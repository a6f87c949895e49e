#!/usr/bin/env bash
# Private PostgreSQL clusters: own data folder, socket and no TCP port; never a system cluster.
#
#   scripts/cluster.sh start NAME [SETTING=VALUE ...]   make it if missing, and start it
#   scripts/cluster.sh copy NAME FROM                   make it as a standby of a running cluster
#   scripts/cluster.sh stop NAME [MODE]                 stop it (fast)
#   scripts/cluster.sh remove NAME                      stop it and delete all of it
#   scripts/cluster.sh env NAME                         print the variables that lead clients to it
#   scripts/cluster.sh path NAME                        print its folder (data/ and log are in it)
#
# PG_CONFIG names the installation (default: the newest Debian one). PostgreSQL refuses to run as
# root: then the server belongs to the user postgres, and where that user cannot reach this folder
# the cluster lies in the folder for temporary files.
set -euo pipefail
# With it pgrx would put stacks of Rust into the DETAIL of errors.
unset RUST_BACKTRACE

here=$(cd "$(dirname "$0")/.." && pwd)
bin=$("${PG_CONFIG:-$("$here"/scripts/pg_config.sh)}" --bindir)
action=${1:?usage: cluster.sh start|copy|stop|remove|env|path NAME}
name=${2:?usage: cluster.sh $action NAME}
shift 2

as_server() { "$@"; }
if [ "$(id -u)" -eq 0 ]; then
    as_server() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/tmp "$@"); }
fi

folder=$here/.pg/$name
if [ "$(id -u)" -eq 0 ] && ! as_server test -x "$here"; then
    folder=${TMPDIR:-/tmp}/jackpot-$(printf %s "$here" | cksum | cut -d' ' -f1)/$name
fi
# A socket's path may have 107 bytes.
socket=$folder
if [ ${#socket} -gt 90 ]; then
    socket=${TMPDIR:-/tmp}/jackpot-socket-$(printf %s "$folder" | cksum | cut -d' ' -f1)
fi

running() { as_server "$bin"/pg_ctl -D "$folder/data" status >/dev/null 2>&1; }

case $action in
start)
    if [ ! -f "$folder/data/PG_VERSION" ]; then
        mkdir -p "$folder" "$socket"
        [ "$(id -u)" -ne 0 ] || chown postgres: "$folder" "$socket"
        as_server "$bin"/initdb -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"${folder}/initdb.log" 2>&1 ||
            { cat "$folder/initdb.log" >&2; exit 1; }
    fi
    mkdir -p "$socket"
    [ "$(id -u)" -ne 0 ] || chown postgres: "$socket"
    running && exit 0
    options="-c listen_addresses='' -c unix_socket_directories='$socket'"
    for setting in "$@"; do options+=" -c $setting"; done
    as_server "$bin"/pg_ctl -D "$folder/data" -l "$folder/log" -w -t 120 -o "$options" start >/dev/null ||
        { tail -n 20 "$folder/log" >&2; exit 1; }
    ;;
copy)
    mkdir -p "$folder"
    [ "$(id -u)" -ne 0 ] || chown postgres: "$folder"
    (eval "$("$0" env "${1:?usage: cluster.sh copy NAME FROM}")" &&
        as_server "$bin"/pg_basebackup --pgdata="$folder/data" --checkpoint=fast --write-recovery-conf)
    ;;
stop)
    if running; then as_server "$bin"/pg_ctl -D "$folder/data" -w -t 120 -m "${1:-fast}" stop >/dev/null; fi
    ;;
remove)
    if running; then as_server "$bin"/pg_ctl -D "$folder/data" -w -t 120 -m immediate stop >/dev/null; fi
    rm -rf "$folder"
    [ "$socket" = "$folder" ] || rm -rf "$socket"
    rmdir "$(dirname "$folder")" 2>/dev/null || true
    ;;
env)
    printf 'export PGHOST=%q PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PATH=%q:$PATH\n' "$socket" "$bin"
    printf 'unset PGPASSWORD PGSERVICE PGOPTIONS PGHOSTADDR\n'
    ;;
path)
    printf '%s\n' "$folder"
    ;;
*)
    echo "cluster.sh: unknown action $action" >&2
    exit 2
    ;;
esac
