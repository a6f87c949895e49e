#!/usr/bin/env bash
# What outlives its cluster: dumps restored elsewhere, copies, standbys, prepared transactions and
# crashes. On private clusters; ends with "N passed, N failed".
set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
files=$here/tests/restore
scratch=$(mktemp -d)
clusters="restore_source restore_target restore_standby"
passed=0 failed=0
declare -A environment

cluster() { "$here/scripts/cluster.sh" "$@"; }
clean_up() {
    jobs -p | xargs -r kill 2>/dev/null
    for name in $clusters; do cluster remove "$name"; done
    rm -rf "$scratch"
}
trap clean_up EXIT

# Only servers crash here, not the machine: nothing has to reach the disk. An autovacuum would use
# transaction ids of its own.
start() { # CLUSTER
    cluster start "$1" fsync=off autovacuum=off max_prepared_transactions=5 || exit 1
    environment[$1]=$(cluster env "$1")
}

# at CLUSTER[/DATABASE] COMMAND ...: runs a client's command there.
at() {
    local where=$1
    shift
    (eval "${environment[${where%%/*}]}"
        case $where in */*) export PGDATABASE=${where#*/} ;; esac
        exec "$@")
}

# sql CLUSTER[/DATABASE] STATEMENT: its result, or its error.
sql() { at "$1" psql -XqAt -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -c "$2" 2>&1; }

# is WHAT GOT EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok - $1"
    else
        failed=$((failed + 1))
        printf 'not ok - %s\n  got:      %s\n  expected: %s\n' "$1" "$2" "$3"
    fi
}

traffic() { at "$1" psql -Xq -v ON_ERROR_STOP=1 -v label="$2" -f "$files/traffic.sql"; }
prove() { is "$2" "$(at "$1" psql -XqAt -f "$files/prove.sql" 2>&1)" ok; }
state() { sql "$1" "SELECT to_jsonb(p) - 'as_of' FROM jackpot_pools() p ORDER BY p.pool"; }
# What is hidden, voided, won and converted.
kept() {
    sql "$1" "SELECT md5(string_agg(t.t, ',' ORDER BY t.t))
                FROM (SELECT s::text FROM jackpot.secret s UNION ALL SELECT v::text FROM jackpot.void v
                      UNION ALL SELECT r::text FROM jackpot.exchange_rate r
                      UNION ALL SELECT i::text FROM jackpot.inbox i UNION ALL SELECT d::text FROM jackpot.dead_letter d
                      UNION ALL SELECT concat_ws(' ', l.id, l.exchange_rates, l.display_remainders) FROM jackpot.ledger l
                      UNION ALL SELECT concat_ws(' ', w.id, w.status, w.secret) FROM jackpot.win w) AS t(t)"
}
amount() { sql "$1" "SELECT current_amount FROM jackpot_pool('mega')"; }
# Which cycle each ledger row up to this id belongs to.
cycles() {
    sql "$1" "SELECT md5(string_agg(concat_ws(' ', h.id, h.cycle), ',' ORDER BY h.id))
                FROM jackpot_history('mega', kinds => '{contribution}', max_rows => 1000000) h WHERE h.id <= $2"
}
# A bet that gives 5000 to the meter; returns what the call itself says.
bet() { sql "$1" "SELECT current_amount FROM jackpot_contribute('game', 100000, pools => '{mega}')"; }
unsettled() {
    sql "$1" "SELECT count(*) > 0 FROM jackpot.ledger l, jackpot.mark m
               WHERE l.id > m.floor_id AND NOT pg_visible_in_snapshot(l.xid, m.snapshot)"
}
# burn CLUSTER XID: uses up transaction ids until this one is the next.
burn() {
    sql "$1" "DO \$\$ BEGIN WHILE pg_current_xact_id() < '$(($2 - 1))'::xid8 LOOP COMMIT; END LOOP; END \$\$"
}
restore() { # CLUSTER/DATABASE DUMP
    sql "${1%%/*}" "CREATE DATABASE ${1#*/} TEMPLATE template0"
    case $2 in
    *.sql) at "$1" psql -Xq -v ON_ERROR_STOP=1 -f "$2" >/dev/null ;;
    *) at "$1" pg_restore --dbname="${1#*/}" --exit-on-error "$2" ;;
    esac
    is "$1: restored" $? 0
}

# go_on CLUSTER/DATABASE: what must hold from here on, wherever the rows came from.
go_on() {
    local where=$1 last before after cycles_before waiting win
    last=$(sql "$where" "SELECT max(id) FROM jackpot.ledger")
    before=$(amount "$where")
    cycles_before=$(cycles "$where" "$last")
    is "$where: a bet is counted at once" "$(bet "$where")" $((before + 5000))
    is "$where: and shown" "$(amount "$where")" $((before + 5000))
    prove "$where" "$where: proof after the first bet"
    is "$where: settles what there is" "$(sql "$where" "SELECT jackpot_settle() > 0")" t
    is "$where: settling changes nothing" "$(amount "$where")" $((before + 5000))
    is "$where: a bet after settling" "$(bet "$where")" $((before + 10000))
    is "$where: a win pays all of it" "$(sql "$where" "SELECT previous_amount, win_amount FROM jackpot_win('mega', 'game', 'user')")" \
        "$((before + 10000))|$((before + 10000))"
    after=$(amount "$where")
    is "$where: a bet after the win" "$(bet "$where")" $((after + 5000))
    is "$where: the new rows' cycles" \
        "$(sql "$where" "SELECT string_agg((h.cycle - p.cycle)::text, ' ' ORDER BY h.id)
                           FROM jackpot_history('mega', kinds => '{contribution}', max_rows => 3) h, jackpot_pool('mega') p")" "-1 -1 0"
    is "$where: the old rows' cycles" "$(cycles "$where" "$last")" "$cycles_before"
    is "$where: ids go on" "$(sql "$where" "SELECT count(*) FROM jackpot.ledger WHERE id > $last")" 3
    # More than the ceiling: the threshold lies below it. The moment lies centuries ahead.
    waiting=$(sql "$where" "SELECT s.secret FROM jackpot.secret s JOIN jackpot.pool p ON p.id = s.pool_id WHERE p.pool = 'must'")
    win=$(sql "$where" "SELECT win_id FROM jackpot_spin('game', 4000000, pools => '{must, timed}') WHERE won")
    is "$where: the secret that waited decides" \
        "$(sql "$where" "SELECT ok, pool, status, secret = '$waiting' FROM jackpot_verify_win($win)")" "t|must|pending|t"
    is "$where: the win is confirmed" "$(sql "$where" "SELECT status FROM jackpot_confirm_win($win, 'cheque')")" paid
    waiting=$(sql "$where" "SELECT count(*), count(*) FILTER (WHERE wager_amount < 0) FROM jackpot.inbox HAVING count(*) > 0")
    is "$where: what waited in the inbox is applied" "$(sql "$where" "SELECT total, failed FROM jackpot_process_inbox()")" "$waiting"
    traffic "$where" "later $where"
    prove "$where" "$where: proof after more traffic"
    sql "$where" "SELECT jackpot_settle()" >/dev/null
    prove "$where" "$where: proof after settling"
}

# replays CLUSTER/DATABASE: operations of the source give their first results.
replays() {
    is "$1: an old bet is replayed" \
        "$(sql "$1" "SELECT * FROM jackpot_contribute('game', 370, operation_id => 'settled bet 10')" | sed 's/|t$/|f/')" "$first_bet"
    is "$1: an old win is replayed" \
        "$(sql "$1" "SELECT * FROM jackpot_win('mega', 'game', 'user', 40, operation_id => 'settled win 40')" | sed 's/|t$/|f/')" "$first_win"
}

# elsewhere CLUSTER/DATABASE DUMP: a restore into another cluster.
elsewhere() {
    local where=$1 last
    restore "$where" "$2"
    is "$where: pools before the first write" "$(state "$where")" "$source_state"
    is "$where: what is hidden, voided, won and converted" "$(kept "$where")" "$source_kept"
    is "$where: cycles before the first write" "$(cycles "$where" 1000000)" "$source_cycles"
    prove "$where" "$where: proof before the first write"
    is "$where: not anchored yet" \
        "$(sql "$where" "SELECT m.floor_id, m.system_identifier = c.system_identifier FROM jackpot.mark m, pg_control_system() c")" "0|f"
    last=$(sql "$where" "SELECT max(id) FROM jackpot.ledger")
    replays "$where"
    is "$where: pools after the first call" "$(state "$where")" "$source_state"
    go_on "$where"
    is "$where: anchored in this cluster" \
        "$(sql "$where" "SELECT m.floor_id, m.system_identifier = c.system_identifier FROM jackpot.mark m, pg_control_system() c")" "$last|t"
    replays "$where"
}

echo "# The source: its transaction ids are far ahead of a fresh cluster's; half of its ledger is settled"
start restore_source
sql restore_source "CREATE DATABASE source"
sql restore_source/source "CREATE EXTENSION jackpot"
burn restore_source 20000
sql restore_source/source "SELECT jackpot_create_pool('mega', 0.05, 1000, reserve_rate => 0.01);
                           SELECT jackpot_create_pool('mini', 0.000001, 0, 5000, currency => NULL);
                           SELECT jackpot_create_pool('must', 0.05, 1000, 200000, currency => 'EUR',
                                                      config => '{\"trigger\": {\"kind\": \"must_hit_by\"}, \"verify_above\": 1}');
                           SELECT jackpot_create_pool('timed', 0.05, 1000,
                                                      config => '{\"trigger\": {\"kind\": \"scheduled\", \"every\": \"1 day\", \"anchor\": \"2999-01-01T00:00:00Z\"}}');
                           SELECT jackpot_set_exchange_rate('SEK', 'EUR', 0.0873512694);
                           SELECT jackpot_spin('game', 4000000, pools => '{must}')" >/dev/null
traffic restore_source/source settled
sql restore_source/source "SELECT jackpot_settle()" >/dev/null
traffic restore_source/source unsettled
first_bet=$(sql restore_source/source "SELECT * FROM jackpot_contribute('game', 370, operation_id => 'settled bet 10')" | sed 's/|t$/|f/')
first_win=$(sql restore_source/source "SELECT * FROM jackpot_win('mega', 'game', 'user', 40, operation_id => 'settled win 40')" | sed 's/|t$/|f/')
is "the source has unsettled rows" "$(unsettled restore_source/source)" t
prove restore_source/source "the source's proof"
is "the source has secrets, voids, a pending win and remainders" \
    "$(sql restore_source/source "SELECT (SELECT count(*) FROM jackpot.secret), (SELECT count(*) FROM jackpot.void WHERE ledger_id IS NOT NULL),
                                         (SELECT count(*) FROM jackpot.win WHERE status = 'pending'),
                                         (SELECT count(*) FROM jackpot.ledger WHERE display_remainders IS NOT NULL)")" "2|2|1|2"
source_state=$(state restore_source/source)
source_kept=$(kept restore_source/source)
source_cycles=$(cycles restore_source/source 1000000)
middle=$(sql restore_source/source "SELECT l.xid FROM jackpot.ledger l ORDER BY l.id DESC OFFSET 60 LIMIT 1")
at restore_source/source pg_dump -Fc -f "$scratch/source.dump"
at restore_source/source pg_dump -f "$scratch/source.sql"

echo "# Into a fresh cluster"
start restore_target
elsewhere restore_target/custom "$scratch/source.dump"
elsewhere restore_target/plain "$scratch/source.sql"

# The anchoring transaction has the id of a restored row.
echo "# Into one whose transaction ids are just as far"
restore restore_target/equal "$scratch/source.dump"
burn restore_target "$middle"
is "that id" "$(sql restore_target/equal "BEGIN; SELECT pg_current_xact_id(); SELECT jackpot_contribute('game', 0); COMMIT" | head -1)" "$middle"
is "restore_target/equal: nothing is lost" "$(amount restore_target/equal)" "$(amount restore_source/source)"
prove restore_target/equal "restore_target/equal: proof after anchoring"

echo "# Many first bets at once"
restore restore_target/together "$scratch/source.dump"
before=$(amount restore_target/together)
for session in $(seq 8); do bet restore_target/together >/dev/null & done
wait
is "restore_target/together: all are counted" "$(amount restore_target/together)" $((before + 40000))
prove restore_target/together "restore_target/together: proof after them"

echo "# Into one whose transaction ids are ahead"
burn restore_target 40000
elsewhere restore_target/ahead "$scratch/source.dump"

echo "# Into another database of the same cluster"
restore restore_source/twin "$scratch/source.dump"
is "restore_source/twin: pools before the first write" "$(state restore_source/twin)" "$source_state"
is "restore_source/twin: what is hidden, voided, won and converted" "$(kept restore_source/twin)" "$source_kept"
prove restore_source/twin "restore_source/twin: proof before the first write"
replays restore_source/twin
go_on restore_source/twin

echo "# A dump taken while traffic runs"
for session in 1 2 3; do
    (for round in $(seq 5); do traffic restore_source/source "during $session $round"; done) &
done
until [ "$(sql restore_source/source "SELECT count(*) > 600 FROM jackpot.ledger")" = t ]; do sleep 0.1; done
at restore_source/source pg_dump -Fc -f "$scratch/during.dump"
wait
restore restore_target/during "$scratch/during.dump"
prove restore_target/during "restore_target/during: proof before the first write"
go_on restore_target/during
restore restore_source/during "$scratch/during.dump"
prove restore_source/during "restore_source/during: proof before the first write"
go_on restore_source/during

echo "# A standby"
cluster copy restore_standby restore_source
start restore_standby
traffic restore_source/source standby
sql restore_source/source "SELECT jackpot_settle()" >/dev/null
traffic restore_source/source "standby again"
# A transaction in progress on the primary is none of the standby's business.
at restore_source/source psql -Xq -c "BEGIN; SELECT jackpot_contribute('slow', 100000); SELECT pg_sleep(3); ROLLBACK" >/dev/null &
sleep 0.5
written=$(sql restore_source "SELECT pg_current_wal_flush_lsn()")
until [ "$(sql restore_standby "SELECT pg_last_wal_replay_lsn() >= '$written'")" = t ]; do sleep 0.1; done
is "the standby's pools" "$(state restore_standby/source)" "$(state restore_source/source)"
is "what is hidden, voided, won and converted there" "$(kept restore_standby/source)" "$(kept restore_source/source)"
is "the standby's pool" "$(amount restore_standby/source)" "$(amount restore_source/source)"
is "the standby's history" "$(cycles restore_standby/source 1000000)" "$(cycles restore_source/source 1000000)"
prove restore_standby/source "the standby's proof"
is "no bet on a standby" "$(bet restore_standby/source | grep -o 'ERROR:  25006')" "ERROR:  25006"
is "no win on a standby" "$(sql restore_standby/source "SELECT jackpot_win('mega', 'game', 'user')" | grep -o 'ERROR:  25006')" "ERROR:  25006"
is "no settling on a standby" "$(sql restore_standby/source "SELECT jackpot_settle()" | grep -o 'ERROR:  25006')" "ERROR:  25006"
wait
sql restore_standby "SELECT pg_promote()" >/dev/null
prove restore_standby/source "the promoted standby's proof"
go_on restore_standby/source

echo "# A promoted copy's dump comes back to the first cluster, whose transaction ids have gone another way"
burn restore_standby $(($(sql restore_source "SELECT pg_snapshot_xmax(pg_current_snapshot())") + 5000))
sql restore_standby/source "SELECT jackpot_settle()" >/dev/null
traffic restore_standby/source back
at restore_standby/source pg_dump -Fc -f "$scratch/back.dump"
restore restore_source/back "$scratch/back.dump"
is "restore_source/back: pools before the first write" "$(state restore_source/back)" "$(state restore_standby/source)"
is "restore_source/back: what is hidden, voided, won and converted" "$(kept restore_source/back)" "$(kept restore_standby/source)"
prove restore_source/back "restore_source/back: proof before the first write"
go_on restore_source/back
cluster remove restore_standby

echo "# Prepared transactions"
before=$(amount restore_source/source)
for end in kept dropped; do
    sql restore_source/source "BEGIN; SELECT jackpot_contribute('game', 100000, pools => '{mega}', operation_id => '$end'); PREPARE TRANSACTION '$end'" >/dev/null
done
is "bets go on" "$(bet restore_source/source)" $((before + 5000))
is "others settle" "$(sql restore_source/source "SELECT jackpot_settle() > 0")" t
prove restore_source/source "proof while they are pending"
cluster stop restore_source immediate
start restore_source
is "a crash changes nothing" "$(amount restore_source/source)" $((before + 5000))
sql restore_source/source "COMMIT PREPARED 'kept'"
is "a committed one counts" "$(amount restore_source/source)" $((before + 10000))
sql restore_source/source "ROLLBACK PREPARED 'dropped'"
is "one rolled back does not" "$(amount restore_source/source)" $((before + 10000))
prove restore_source/source "proof after both"
is "the late row is settled" "$(sql restore_source/source "SELECT jackpot_settle() > 0")" t
is "and still counts" "$(bet restore_source/source)" $((before + 15000))
prove restore_source/source "proof after settling"

echo "# A crash under load"
for session in 1 2 3 4; do
    for i in $(seq 5000); do
        echo "SELECT operation_id FROM jackpot_contribute('game', 100, operation_id => 'crash $session $i', pools => '{mega}');"
        [ $((i % 50)) -ne 0 ] || echo "SELECT operation_id FROM jackpot_win('mini', 'game', 'user', 1); SELECT NULL FROM jackpot_settle();"
    done >"$scratch/load"
    at restore_source/source psql -XqAt <"$scratch/load" 2>/dev/null | grep crash >"$scratch/acknowledged.$session" &
done
sleep 2
cluster stop restore_source immediate
wait
start restore_source
prove restore_source/source "proof after the crash"
is "much was acknowledged" "$([ "$(cat "$scratch"/acknowledged.* | wc -l)" -gt 100 ] && echo yes)" yes
lost=$(at restore_source/source psql -XqAt -v ON_ERROR_STOP=1 <<EOF
CREATE TEMPORARY TABLE acknowledged (operation_id text);
$(for session in 1 2 3 4; do printf "\\\\copy acknowledged from '%s'\n" "$scratch/acknowledged.$session"; done)
SELECT count(*) FROM acknowledged a
 WHERE (SELECT count(*) FROM jackpot.ledger l WHERE l.operation_id = a.operation_id) <> 1;
EOF
)
is "nothing acknowledged is lost or doubled" "$lost" 0
go_on restore_source/source

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
