#!/usr/bin/env bash
# A casino floor for DEMO_SECONDS (20): DEMO_CLIENTS (8) connections spin for three jackpots as fast as
# they can, now and then one is hit or a bet is taken back, and at the end every fraction of a cent is
# accounted for.
# A page shows it as it goes (examples/ticker). Server and page stay, the server for `make psql`, too;
# `make clean-demo` removes them.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${DEMO_SECONDS:-20} clients=${DEMO_CLIENTS:-8}

scripts/page.sh stop
# A running server would keep the library that it has loaded: the newly installed one needs a start.
scripts/cluster.sh stop demo
scripts/cluster.sh start demo shared_preload_libraries=jackpot
eval "$(scripts/cluster.sh env demo)"

sql() { psql -XqAt -v ON_ERROR_STOP=1 -d demo "$@"; }
psql -Xq -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS demo WITH (FORCE)' -c 'CREATE DATABASE demo'
sql -f examples/demo/pools.sql >/dev/null
page=$(scripts/page.sh start)
echo "$page"

log=$(mktemp)
trap 'kill "${load:-}" 2>/dev/null || true; rm -f "$log"' EXIT
# One thread: with more of them pgbench does not count each script's runs exactly.
pgbench -n -M prepared -c "$clients" -j 1 -T "$seconds" \
    -f examples/demo/spin.sql@200 -f examples/demo/void.sql@1 demo >"$log" 2>&1 &
load=$!

echo "$clients connections bet for $seconds s; pgbench runs examples/demo/spin.sql and, for 1 bet in 200, void.sql"
# On a terminal the amounts stay in the last line and the wins scroll by above it.
before='' after=$'\n'
if [ -t 1 ]; then before=$'\r\e[K' after=''; fi

money="'FM999,999,999,990.00'"
bets=0 clock=$(date +%s%3N) seen=0
while sleep 1; kill -0 "$load" 2>/dev/null; do
    last_bets=$bets last_clock=$clock last_seen=$seen
    IFS='|' read -r amounts bets wins clock seen < <(sql -c "
        SELECT string_agg(format('%s %s', pool, lpad(to_char(current_amount / 100.0, $money), 10)), '   ' ORDER BY seed_amount),
               max(total_contributions), sum(total_wins), trunc(extract(epoch FROM max(as_of)) * 1000),
               (SELECT coalesce(max(id), 0) FROM jackpot.win)
          FROM jackpot_pools()")
    # The grandest three of this second.
    sql -c "
        SELECT format('  * %s won: %s to %s on %s', p.pool, to_char(w.win_amount / 100.0, $money), w.user_id, w.game_id)
          FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id
         WHERE w.id > $last_seen AND w.id <= $seen ORDER BY w.win_amount DESC LIMIT 3" |
        while read -r win; do printf '%s  %s\n' "$before" "$win"; done
    rate=$(((bets - last_bets) * 1000 / (clock - last_clock)))
    printf '%s%s   %5d wins   %6d bets/s%s' "$before" "$amounts" "$wins" "$rate" "$after"
done
printf '%s' "$before"
wait "$load" || { cat "$log" >&2; exit 1; }
load=''

# pgbench tells of each script how often it ran: the bets and voids that were answered.
read -r bets voids < <(awk '/^ - [0-9]+ transactions/ { printf "%s ", $2 } END { print "" }' "$log")
echo
echo 'Reconciliation, in cents, by jackpot_reconcile() and jackpot_validate(), and by what the clients were answered:'
sql -v bets="$bets" -v voids="$voids" <<'SQL' | tee "$log"
WITH checks AS MATERIALIZED (SELECT * FROM jackpot_validate()),
     lines (place, ok, line) AS (
         SELECT 1, n = :bets, format('bets: %s in the ledger, %s answered', n, :bets)
           FROM (SELECT count(*) FROM jackpot.ledger WHERE voids IS NULL AND (operation_id LIKE 'lost-%') IS NOT TRUE) l(n)
         UNION ALL
         SELECT 2, n = :voids, format('voids: %s in the books, %s answered', n, :voids) FROM (SELECT count(*) FROM jackpot.void) v(n)
         UNION ALL
         SELECT 3, ok = n, format('wins: %s, of which %s verify', n, ok)
           FROM (SELECT count(*), count(*) FILTER (WHERE v.ok) FROM jackpot.win w, jackpot_verify_win(w.id) v) w(n, ok)
         UNION ALL
         SELECT 3, difference = 0,
                format('%s: %s contributed + %s seeded - %s voided - %s won = %s, difference %s',
                       pool, contributions, seeds, voids, wins, closing, difference)
           FROM jackpot_reconcile()
         UNION ALL
         SELECT 4, bool_and(ok), format('%s of %s checks passed', count(*) FILTER (WHERE ok), count(*)) FROM checks
         UNION ALL
         SELECT 5, ok, check_name || ': ' || detail FROM checks WHERE NOT ok)
SELECT CASE WHEN ok THEN '  ok      ' ELSE '  NOT OK  ' END || line FROM lines ORDER BY place, line;
SQL
echo
# For whoever looks at the page: a few bets a second, until the server ends, or for ten minutes.
setsid pgbench -n -c 1 -R 10 -T 600 -f examples/demo/spin.sql demo >/dev/null 2>&1 </dev/null &
echo 'The server goes on, with ten bets a second for ten minutes: make psql opens it, make clean-demo removes it.'
echo "$page"
! grep -q 'NOT OK' "$log"
