#!/usr/bin/env bash
# The demo's page (examples/ticker), in the background.
#
#   scripts/page.sh start     serve it, and print where; without node or npm say so and go on
#   scripts/page.sh stop      end it
#
# PORT (3000) and HOST (127.0.0.1) say where; if the port is taken, any other will do.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(scripts/cluster.sh path demo)
log=$folder/page.log
page=examples/ticker

# Only what is this server: its number may have been given to another process meanwhile.
running() { [ -f "$folder/page.pid" ] && ps -o args= -p "$(cat "$folder/page.pid")" 2>/dev/null | grep -q "$PWD/$page/server.js"; }

missing() { echo "no page: $*"; exit 0; }

# serve PORT: returns once it listens, or has failed.
serve() {
    PGDATABASE=demo PORT=$1 setsid node "$PWD/$page/server.js" >"$log" 2>&1 </dev/null &
    echo $! >"$folder/page.pid"
    until grep -q . "$log"; do kill -0 $! 2>/dev/null || return 1; sleep 0.1; done
    grep -q ^http "$log"
}

case ${1:-} in
start)
    command -v node >/dev/null && command -v npm >/dev/null || missing "it needs node 20 and npm ($page/README.md)"
    [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || missing "it needs node 20; this is $(node --version)"
    if [ ! -e $page/node_modules/.package-lock.json ] || [ $page/package-lock.json -nt $page/node_modules/.package-lock.json ]; then
        (cd $page && npm ci --omit=dev --no-audit --no-fund --silent >/dev/null 2>&1) || missing "npm ci failed in $page"
    fi
    eval "$(scripts/cluster.sh env demo)"
    serve "${PORT:-3000}" || { grep -q EADDRINUSE "$log" && serve 0; } || missing "$(tail -n 1 "$log")"
    printf 'The page: %s, for operators %s/operations\n' "$(head -n 1 "$log")" "$(head -n 1 "$log")"
    ;;
stop)
    if running; then
        kill "$(cat "$folder/page.pid")"
        while running; do sleep 0.1; done
    fi
    rm -f "$folder/page.pid"
    ;;
*)
    echo 'usage: page.sh start|stop' >&2
    exit 2
    ;;
esac
