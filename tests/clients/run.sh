#!/usr/bin/env bash
# Has real drivers and ORMs do the same scenario.json, each in a database of its own, straight on the server
# and through PgBouncer in transaction mode; then all must have left the same books.
#   tests/clients/run.sh [CLIENT or FAMILY ...]     all of them, and the migration tools of ORMs; or these
# The server knows TCP and passwords, and the role that calls may execute the functions and nothing else.
# What the clients print is kept in target/clients. Ends with "N passed, M failed".
set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
files=$here/tests/clients
logs=$here/target/clients
# Debian's PgBouncer, unpacked by scripts/prerequisites.sh: a package would run it as a service.
PATH=$PATH:/usr/sbin:$here/target/debian/usr/sbin
# Of its own for each run: people run single clients side by side.
name=clients_$$
scratch=$(mktemp -d)
passed=0 failed=0

cluster() { "$here/scripts/cluster.sh" "$@"; }
clean_up() {
    jobs -p | xargs -r kill 2>/dev/null
    wait
    cluster remove "$name"
    rm -rf "$scratch"
}
trap clean_up EXIT

ok() { # WHAT
    passed=$((passed + 1))
    echo "ok - $1"
}
not_ok() { # WHAT WHY
    failed=$((failed + 1))
    printf 'not ok - %s: %s\n' "$1" "$2"
}
is() { # WHAT GOT EXPECTED
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got \"$2\", expected \"$3\""; fi
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

wanted=" $* "
clients=()
for list in "$files"/*/clients; do
    family=$(basename "$(dirname "$list")")
    while read -r client; do
        case $wanted in "  " | *" $client "* | *" $family "*) clients+=("$family/$client") ;; esac
    done <"$list"
done
[ ${#clients[@]} -gt 0 ] || { echo "no client$wanted"; exit 1; }

echo "# A server, and PgBouncer"
server_port=$(free_port) pooler_port=$(free_port)
# No worker: the scenario looks at what waits in the queue, and processes it. Nothing crashes here.
cluster start "$name" shared_preload_libraries=jackpot "jackpot.databases=''" \
    listen_addresses=127.0.0.1 port="$server_port" fsync=off || exit 1
eval "$(cluster env "$name")"
export PGPORT=$server_port
folder=$(cluster path "$name")
printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 scram-sha-256' >"$folder/data/pg_hba.conf"
sql -c "SELECT pg_reload_conf()" -c "CREATE ROLE casino LOGIN PASSWORD 'secret'" >/dev/null || exit 1

echo '"casino" "secret"' >"$folder/users"
# Each transaction gets another of at least three connections of the server, so that whoever relies on
# what the last one left there is found out. JDBC and sqlx ask for extra_float_digits.
cat >"$folder/pgbouncer.ini" <<END
[databases]
* = host=127.0.0.1 port=$server_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooler_port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/users
pool_mode = transaction
server_round_robin = 1
ignore_startup_parameters = extra_float_digits
END
as_server=()
[ "$(id -u)" -ne 0 ] || as_server=(setpriv --reuid=postgres --regid=postgres --init-groups)
(cd / && exec "${as_server[@]}" pgbouncer "$folder/pgbouncer.ini") >"$scratch/pgbouncer.log" 2>&1 &
pooler=$!

# casino DATABASE POOLED COMMAND ...: with the variables that lead a client there.
casino() {
    local database=$1 pooled=$2 port=$server_port
    shift 2
    [ "$pooled" = no ] || port=$pooler_port
    env PGHOST=127.0.0.1 PGPORT="$port" PGUSER=casino PGPASSWORD=secret PGDATABASE="$database" POOLED="$pooled" \
        DATABASE_URL="postgresql://casino:secret@127.0.0.1:$port/$database" SCENARIO="$files/scenario.json" "$@"
}
deadline=$((SECONDS + 60))
until casino postgres yes psql -Xqc '' 2>/dev/null; do
    [ $SECONDS -lt $deadline ] && kill -0 $pooler 2>/dev/null || { cat "$scratch/pgbouncer.log" >&2; exit 1; }
    sleep 0.2
done
pgbouncer --version | head -n 1

# Connections of the server, so that there is something to choose from.
warm_up() { # DATABASE
    # Each keeps its own until there are three.
    for _ in 1 2 3; do casino "$1" yes psql -Xqc 'DO $$ BEGIN
        FOR i IN 1 .. 1200 LOOP
            EXIT WHEN (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user) >= 3;
            PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
        END LOOP;
    END $$' >/dev/null & warming+=($!); done
    wait "${warming[@]}"
    warming=()
}
warming=()
warm_up postgres
is "a pooled client meets another connection of the server with each transaction" \
    "$(for _ in 1 2 3; do echo 'SELECT pg_backend_pid();'; done | casino postgres yes psql -XqAt | sort -u | wc -l)" 3

total=$(jq length "$files/scenario.json")
reference=
declare -A outcome
echo "# $total steps, straight and pooled"
for entry in "${clients[@]}"; do
    family=${entry%%/*} client=${entry#*/}
    for pooled in no yes; do
        mode=$([ $pooled = no ] && echo straight || echo pooled)
        database=${client//[^a-z0-9]/_}_$mode log=$logs/$client-$mode.log
        mkdir -p "$logs"
        sql -c "CREATE DATABASE $database" &&
            PGDATABASE=$database sql -c "CREATE EXTENSION jackpot" -c "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO casino" \
                -c "GRANT SET ON PARAMETER jackpot.queue_max_items TO casino" || exit 1
        [ $pooled = no ] || warm_up "$database"
        failed_before=$failed
        casino "$database" $pooled timeout 1200 "$files/$family/run.sh" "$client" >"$log" 2>&1
        status=$?
        version=$(sed -n 's/^client: //p' "$log" | head -n 1)
        steps=$(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, 0 failed$/\1/p')
        if [ $status -eq 0 ] && [ -n "$version" ] && [ "${steps:-0}" -ge "$total" ]; then
            ok "$client $mode: $version, $steps steps"
        else
            not_ok "$client $mode" "exit $status, ${steps:-?} of $total steps"$'\n'"$({ grep '^not ok' "$log" || tail -n 30 "$log"; } | head -n 30)"
        fi

        is "$client $mode: the books are right" "$(PGDATABASE=$database sql -c "SELECT * FROM jackpot_validate() WHERE NOT ok" 2>&1)" ""
        PGDATABASE=$database sql -f "$files/state.sql" >"$scratch/$database" 2>&1
        if [ -z "$reference" ]; then
            reference=$database
            is "$client $mode: there are books" "$([ "$(wc -l <"$scratch/$database")" -gt 50 ] && echo yes)" yes
        else
            is "$client $mode: the same books as $reference" "$(diff "$scratch/$reference" "$scratch/$database" | head -n 20)" ""
        fi
        outcome[$client $mode]=$([ "$failed" -eq "$failed_before" ] && echo yes || echo no)
        outcome[$client]=${version:-$client}
        sql -c "DROP DATABASE $database WITH (FORCE)"
    done
done

if [ $# -eq 0 ]; then
    echo "# The migration tools of ORMs"
    "$files/orm-migrations/run.sh" 2>&1 | tee "$scratch/tools" | grep -vE '^[0-9]+ passed, '
    if [[ $(tail -n 1 "$scratch/tools") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        not_ok "the migration tools of ORMs" "ended early"
    fi
fi

echo "# client and version | straight | through PgBouncer"
for entry in "${clients[@]}"; do
    client=${entry#*/}
    echo "${outcome[$client]} | ${outcome[$client straight]} | ${outcome[$client pooled]}"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
