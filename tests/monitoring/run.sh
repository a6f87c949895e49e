#!/usr/bin/env bash
# examples/monitoring with a real exporter, a real Prometheus and the roles that it makes, on a private
# cluster. Ends with "N passed, N failed".
set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
examples=$here/examples/monitoring files=$here/tests/monitoring
# Debian's packages, unpacked by scripts/prerequisites.sh.
PATH=$here/target/debian/usr/bin:$PATH
scratch=$(mktemp -d)
passed=0 failed=0

cluster() { "$here/scripts/cluster.sh" "$@"; }
clean_up() {
    jobs -p | xargs -r kill 2>/dev/null
    wait
    cluster remove monitoring
    rm -rf "$scratch"
}
trap clean_up EXIT

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
# succeeds WHAT COMMAND ...
succeeds() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then output=ok; fi
    is "$what" "$output" ok
}
# awaited WHAT EXPECTED COMMAND ...: what the command says within a minute.
awaited() {
    local what=$1 expected=$2 got until=$((SECONDS + 60))
    shift 2
    until got=$("$@" 2>&1) && [ "$got" = "$expected" ] || [ $SECONDS -ge $until ]; do sleep 0.2; done
    is "$what" "$got" "$expected"
}
# rows WHAT COMMAND ...: it must say something within a minute.
rows() {
    local what=$1 got until=$((SECONDS + 60))
    shift
    while [ $SECONDS -lt $until ]; do
        if got=$("$@" 2>&1) && [ -n "$got" ]; then
            is "$what" rows rows
            return
        fi
        sleep 0.2
    done
    is "$what" "${got:-nothing}" rows
}
# address LOG: where the process that writes it listens.
address() {
    local found until=$((SECONDS + 60))
    until found=$(sed -n 's/.*msg="Listening on" address=//p' "$1") && [ -n "$found" ]; do
        [ $SECONDS -lt $until ] || { cat "$1" >&2; exit 1; }
        sleep 0.1
    done
    printf '%s\n' "$found"
}
sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

echo "# The files by themselves"
succeeds "prometheus.yml" promtool check config "$examples/prometheus.yml"
succeeds "alerts.yml" promtool check rules "$examples/alerts.yml"
succeeds "its tests" promtool test rules "$files/alerts_test.yml"
is "each alert has a test" "$(sed -n 's/.*- alert: //p' "$examples/alerts.yml" | while read -r alert; do grep -q "\"$alert\"" "$files/alerts_test.yml" || echo "$alert"; done)" ""
for dashboard in grafana-dashboard grafana-prometheus; do
    is "$dashboard.json: ids are unique, panels lie side by side, all have queries" "$(jq -r '
        ([.panels[].id] | length - (unique | length)),
        (.panels[].gridPos | select(.x + .w > 24)),
        ([.panels[].gridPos | . as $p | range(.x; .x + .w) as $x | range(.y; .y + .h) as $y | [$x, $y]] | length - (unique | length)),
        (.panels[] | select(.datasource.uid != "${datasource}" or (.targets | length) == 0) | .title)' "$examples/$dashboard.json" | xargs)" "0 0"
done

echo "# A database with pools, and roles that may look on"
cluster start monitoring shared_preload_libraries=jackpot fsync=off jackpot.sample_interval=1s jackpot.alert_interval=1s || exit 1
eval "$(cluster env monitoring)"
createdb casino
export PGDATABASE=casino
sql "CREATE EXTENSION jackpot" || exit 1
psql -Xq -v ON_ERROR_STOP=1 -f "$files/pools.sql" >/dev/null || exit 1
succeeds "roles.sql" psql -Xq -v ON_ERROR_STOP=1 -f "$examples/roles.sql"
may() { # ROLE: which of the extension's functions, and tables, it may use
    sql "SELECT p.proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
           JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'jackpot'
          WHERE has_function_privilege('$1', p.oid, 'EXECUTE')
         UNION ALL
         SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'jackpot'::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND has_any_column_privilege('$1', c.oid, 'SELECT, INSERT, UPDATE')" | sort | xargs
}
is "the exporter may call one function, and read no table" "$(may prometheus)" jackpot_metrics
is "Grafana may read what the panels show" "$(may grafana)" \
    "activity audit_state jackpot_alerts jackpot_health jackpot_ticker last_calls last_minute operation_sample pool_sample quantile_us queue queue_state queue_waiting recent_wins sample signal signal_meaning"
sql "CREATE ROLE nobody_in_particular" && is "others may nothing" "$(may nobody_in_particular)" ""
awaited "the worker runs" running sql "SELECT state FROM jackpot.worker_state()"

# The statements that are to be refused say so.
traffic() { psql -Xq -v id="$1" -f "$files/traffic.sql" >/dev/null 2>&1; }
# The worker counts just after it has committed.
waiting() { sql "SELECT sum(CASE name WHEN 'jackpot_queue_enqueued_total' THEN value ELSE -value END) FROM jackpot_metrics()
                  WHERE name = 'jackpot_queue_enqueued_total' OR labels ->> 'outcome' = 'processed'"; }
traffic first
awaited "the queue is drained" 0 waiting

echo "# The exporter"
# Flags are those of the file; the query file and where to connect are given by it, too.
. "$examples/prometheus-postgres-exporter"
export DATA_SOURCE_NAME=${DATA_SOURCE_NAME/\/run\/postgresql/$PGHOST}
# shellcheck disable=SC2086
prometheus-postgres-exporter ${ARGS/\/etc\/prometheus\/jackpot-queries.yml/$examples/queries.yml} --web.listen-address=127.0.0.1:0 2>"$scratch/exporter.log" &
exporter=$!
target=$(address "$scratch/exporter.log") || exit 1
scrape() { curl -sS --max-time 20 "http://$target/metrics"; }
truth() { sql "SELECT jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)) FROM jackpot_metrics()"; }

# What must lie between what jackpot_metrics() says before and after.
truth >"$scratch/before"
scrape >"$scratch/scraped"
truth >"$scratch/after"
is "it can connect" "$(grep '^pg_up ' "$scratch/scraped")" "pg_up 1"
is "it has no errors" "$(grep '^pg_exporter_.*_error' "$scratch/scraped" | cut -d' ' -f2 | xargs)" "0 0"
is "its text has no lint" "$(promtool check metrics <"$scratch/scraped" 2>&1)" ""
is "no series is NaN" "$(grep '^jackpot.* NaN' "$scratch/scraped")" ""
is "each series is there, with the value that jackpot_metrics() gives" "$(jq -nr -L "$files" --rawfile scraped "$scratch/scraped" --slurpfile before "$scratch/before" --slurpfile after "$scratch/after" '
    include "series";
    (reduce ($scraped | scraped) as $s ({}; .[$s.key] = $s.value)) as $scraped
    | ([$before[0] | known] | from_entries) as $before | ([$after[0] | known] | from_entries) as $after
    | ($before | keys[] | select($scraped[.] == null) | "missing: \(.)"),
      # Counters of a pool that nobody has touched are 0 for Prometheus.
      ($scraped | to_entries[] | select($after[.key] == null and ((.key | test("^jackpot_pool_.*(idle|held)")) and .value == 0 | not)) | "not in jackpot_metrics(): \(.key)"),
      ($scraped | to_entries[] | .key as $key | [$before[$key], $after[$key], .value] | select(.[0] and .[1])
        | select(.[2] < ([.[0], .[1]] | min) - 1e-9 or .[2] > ([.[0], .[1]] | max) + 1e-9) | "\($key): \(.)")')" ""
is "and there are many" "$([ "$(grep -c ^jackpot_ "$scratch/scraped")" -gt 200 ] && echo yes)" yes
is "types and explanations are those of jackpot_metrics()" \
    "$(sed -n 's/^# HELP \(jackpot_[a-z_]*\) /\1 /p' "$scratch/scraped" | while read -r name help; do echo "$name $(sed -n "s/^# TYPE $name //p" "$scratch/scraped") $help"; done | sort)" \
    "$(sql "SELECT DISTINCT concat_ws(' ', CASE kind WHEN 'histogram' THEN regexp_replace(name, '_(bucket|sum|count)$', '') ELSE name END, kind, help) FROM jackpot_metrics()" | sort)"

traffic second
awaited "the queue is drained again" 0 waiting
scrape >"$scratch/scraped_again"
# One traffic.sql: 22 contributions of which one is a replay, 4 spins, a win of 7, and 3 queued spins; a
# negative wager and a win beyond what is there are refused; what was rolled back counts for nothing. Who
# waits for whom is chance.
is "counters go up by exactly what was done" "$(jq -nr -L "$files" --rawfile first "$scratch/scraped" --rawfile second "$scratch/scraped_again" '
    include "series";
    ([$first | scraped] | from_entries) as $first | [$second | scraped][] | .value -= ($first[.key] // 0)
    | select(.value != 0 and (.key | test("_total") and test("settle|process_queue|ticker|seconds|lock_waits") | not)) | "\(.key) \(.value)"' | grep _total | sort)" \
    "$(sort <<'END'
jackpot_calls_total ["operation=contribute"] 22
jackpot_calls_total ["operation=enqueue_spin"] 3
jackpot_calls_total ["operation=spin"] 4
jackpot_calls_total ["operation=void"] 1
jackpot_calls_total ["operation=win"] 1
jackpot_errors_total ["operation=contribute","token=invalid_argument"] 1
jackpot_errors_total ["operation=win","token=insufficient_funds"] 1
jackpot_pool_bets_total ["pool=mega"] 28
jackpot_pool_bets_total ["pool=the \"mini\" \\ é"] 8
jackpot_pool_contributed_total ["pool=mega"] 249
jackpot_pool_contributed_total ["pool=the \"mini\" \\ é"] 3.9
jackpot_pool_voids_total ["pool=mega"] 1
jackpot_pool_voids_total ["pool=the \"mini\" \\ é"] 1
jackpot_pool_wagered_total ["pool=mega"] 24900
jackpot_pool_wagered_total ["pool=the \"mini\" \\ é"] 3900
jackpot_pool_wins_total ["pool=mega"] 1
jackpot_pool_won_total ["pool=mega"] 7
jackpot_queue_enqueued_total [] 3
jackpot_queue_items_total ["outcome=processed"] 3
jackpot_replays_total ["operation=contribute"] 1
jackpot_rows_total ["operation=contribute"] 21
jackpot_rows_total ["operation=enqueue_spin"] 3
jackpot_rows_total ["operation=spin"] 4
jackpot_rows_total ["operation=void"] 1
jackpot_rows_total ["operation=win"] 1
END
)"

echo "# What an operator is to see: a dead letter, an item that waits, a session that holds a pool, and traffic"
# A win that another one leaves too little for.
refuse() {
    sql "SELECT jackpot_enqueue_win('mega', 'game', 'player', current_amount) FROM jackpot_pool('mega')
         UNION ALL (SELECT NULL FROM jackpot_win('mega', 'game', 'player'))"
}
refused=$(refuse)
sql "SELECT jackpot_enqueue_spin('game', 100, delay => '1 hour')" >/dev/null
awaited "the dead letter is there" open sql "SELECT status FROM jackpot.dead_letter WHERE id = $refused"
psql -Xq -v ON_ERROR_STOP=1 -c "BEGIN" -c "SELECT jackpot_win('held', 'none', 'player')" -c "SELECT pg_sleep(600)" >/dev/null 2>&1 &
holder=$!
(for round in $(seq 1200); do traffic "round $round"; sleep 0.5; done) &
load=$!

echo "# Prometheus"
# The exporter takes a second to find that the server is down.
sed "s/localhost:9187/$target/; s/15s/3s/" "$examples/prometheus.yml" >"$scratch/prometheus.yml"
cp "$examples/alerts.yml" "$scratch"
prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/data" --web.listen-address=127.0.0.1:0 2>"$scratch/prometheus.log" &
server=$(address "$scratch/prometheus.log") || exit 1
api() { curl -sS --max-time 20 -G "http://$server/api/v1/$1" "${@:2}"; }
# query EXPRESSION [FILTER]: the values; or what of the result the filter shows.
query() { api query --data-urlencode "query=$1" | jq -er "if .status == \"success\" then .data.result[] | ${2:-.value[1]} else error(.error) end"; }
alert() { api alerts | jq -r ".data.alerts[] | select(.labels.alertname == \"$1\") | ${2:-.state}"; }
awaited "it scrapes the exporter" 1 query 'up{job="jackpot"}'
is "with the database as a label, and without the server's address" "$(query jackpot_dead_letters '.metric | del(.__name__) | tojson')" \
    "{\"database\":\"casino\",\"instance\":\"$target\",\"job\":\"jackpot\"}"
awaited "histogram_quantile gives a number" true query \
    'histogram_quantile(0.95, sum by (le) (rate(jackpot_call_duration_seconds_bucket{operation="spin"}[1m]))) > 0' '.value[1] | tonumber | . > 0 and . < 5'
awaited "the dead letter's alert fires" firing alert JackpotDeadLetters
is "and tells what to do" "$(alert JackpotDeadLetters '.annotations.summary')" "casino: 1 items were refused and wait for a decision"
awaited "so does the extension's own" firing alert JackpotWarning
awaited "many refused calls are seen" pending alert JackpotManyErrors
awaited "rules have no errors" "ok" eval 'api rules | jq -r "[.data.groups[].rules[].health] | unique | join(\" \")"'
# The panels' queries, with Grafana's variables replaced.
while IFS=$'\t' read -r title expression; do
    rows "panel \"$title\": $expression" query "$expression" '.metric | tojson'
done < <(jq -r '.panels[] | .title as $title | .targets[] | [$title, .expr] | @tsv' "$examples/grafana-prometheus.json" |
    sed 's/\\\\/\\/g; s/\$__rate_interval/1m/g; s/\$__range/5m/g; s/\$database/.*/g')
sql "SELECT jackpot_discard($refused, 'seen')" >/dev/null
awaited "the alert is over with its cause" "" alert JackpotDeadLetters

echo "# Grafana's queries, by its role"
refuse >/dev/null
awaited "samples are taken" t sql "SELECT count(*) >= 3 FROM jackpot.sample"
panel() { # FORMAT QUERY: its rows; of a time series only if there is a time
    PGUSER=grafana psql -Xq --csv -v ON_ERROR_STOP=1 -c "$2" >"$scratch/panel" || { cat "$scratch/panel"; return 1; }
    if [ "$1" = time_series ] && [[ $(head -1 "$scratch/panel") != time,* ]]; then echo "no time: $(head -1 "$scratch/panel")" && return 1; fi
    tail -n +2 "$scratch/panel"
}
while IFS=$'\t' read -r title format statement; do
    rows "panel \"$title\"" panel "$format" "$statement"
done < <(jq -r '(.panels[] | .title as $title | .targets[] | [$title, .format, .rawSql]), (.annotations.list[] | [.name, .target.format, .target.rawSql]) | @tsv' "$examples/grafana-dashboard.json" |
    sed -E "s/\\\$__timeFilter\(([^)]*)\)/\1 BETWEEN now() - interval '3 hours' AND now() + interval '1 second'/g")
is "no macro is left" "$(jq -r '.. | .rawSql? // empty' "$examples/grafana-dashboard.json" | sed 's/\$__timeFilter([^)]*)//g' | grep -F '$')" ""
is "Grafana cannot write" "$(PGUSER=grafana PGOPTIONS='-c default_transaction_read_only=off' psql -XqAt -c "DELETE FROM jackpot.sample" 2>&1 | grep -o 'ERROR.*')" "ERROR:  permission denied for table sample"
is "nor read what is hidden" "$(PGUSER=grafana psql -XqAt -c "TABLE jackpot.secret" 2>&1 | grep -o 'ERROR.*')" "ERROR:  permission denied for table secret"

echo "# What fails is seen"
kill $load $holder
cluster stop monitoring immediate
awaited "a server that is down" 0 query pg_up
awaited "has its alert" pending alert JackpotDatabaseDown
cluster start monitoring shared_preload_libraries=jackpot fsync=off
awaited "it is back" 1 query pg_up
kill $exporter
awaited "an exporter that is down has its alert" pending alert JackpotExporterDown

is "the books are right" "$(sql "SELECT * FROM jackpot_validate() WHERE NOT ok")" ""
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
