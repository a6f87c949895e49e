#!/usr/bin/env bash
# Measures a contribution against what it is built from and against what it replaces; see README.md.
#
#   BENCH_CLIENTS="1 16 64"  BENCH_SECONDS=10  BENCH_ROUNDS=3  benches/run.sh
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
read -ra clients <<<"${BENCH_CLIENTS:-1 16 64}"
seconds=${BENCH_SECONDS:-10} rounds=${BENCH_ROUNDS:-3}
workloads=(select insert naive contribute no_totals)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; scripts/cluster.sh remove bench' EXIT
scripts/cluster.sh remove bench
scripts/cluster.sh start bench shared_preload_libraries=jackpot max_connections=200
eval "$(scripts/cluster.sh env bench)"
sql() { psql -XqAt -v ON_ERROR_STOP=1 -d bench "$@"; }
psql -Xq -c 'CREATE DATABASE bench'
sql -f benches/scripts/schema.sql >/dev/null

load() { # WORKLOAD CLIENTS SECONDS [pgbench's options]
    local script=$1 options=''
    if [ "$1" = no_totals ]; then script=contribute options='-c jackpot.totals=off'; fi
    PGOPTIONS=$options pgbench -n -M prepared -j 2 -c "$2" -T "$3" "${@:4}" -f "benches/scripts/$script.sql" bench
}

measure() { # WORKLOAD CLIENTS: prints calls per second, then p50, p95 and p99 in ms
    sql -c CHECKPOINT
    load "$1" "$2" 1 >/dev/null
    load "$1" "$2" "$seconds" --log --log-prefix="$scratch/log" --sampling-rate=0.1 >"$scratch/out"
    awk '/^tps/ { printf "%.0f ", $3 }' "$scratch/out"
    cut -d' ' -f3 "$scratch"/log.* | sort -n | awk '
        { us[NR] = $1 }
        function ms(share) { return us[int((NR - 1) * share) + 1] / 1000 }
        END { printf "%.3f %.3f %.3f\n", ms(0.5), ms(0.95), ms(0.99) }'
    rm "$scratch"/log.*
}

# Whatever is compared stands side by side in time, for machines have moods.
for ((round = 1; round <= rounds; round++)); do
    for n in "${clients[@]}"; do
        for workload in "${workloads[@]}"; do
            result=$(measure "$workload" "$n")
            echo "$round $n $workload $result" | tee -a "$scratch/results" >&2
        done
    done
done

report() {
    printf 'PostgreSQL %s, jackpot %s; %s CPUs; %s rounds of %s s; medians of the rounds, ratios taken within a round.\n\n' \
        "$(sql -c 'SHOW server_version')" \
        "$(sql -c "SELECT extversion FROM pg_extension WHERE extname = 'jackpot'")" "$(nproc)" "$rounds" "$seconds"
    awk '
        BEGIN {
            name["select"] = "`SELECT 1`"; name["insert"] = "one-row INSERT"; name["naive"] = "naive function"
            name["contribute"] = "jackpot_contribute()"; name["no_totals"] = "jackpot_contribute(), totals off"
            target["contribute", 1] = 0.6; target["contribute", 16] = 0.75; target["contribute", 64] = 0.65
            target["no_totals", 1] = 0.7; target["no_totals", 16] = 0.9; target["no_totals", 64] = 0.8
            times["contribute", 16] = 6; times["contribute", 64] = 10
        }
        {   if (!(($2, $3) in seen)) { seen[$2, $3] = 1; order[++rows] = $2 SUBSEP $3 }
            if ($1 > rounds) rounds = $1
            for (i = 4; i <= 7; i++) value[$2, $3, i, $1] = $i
        }
        function median(n, workload, column, base,    sorted, r, j, v) {
            for (r = 1; r <= rounds; r++) {
                v = value[n, workload, column, r] / (base == "" ? 1 : value[n, base, column, r])
                for (j = r; j > 1 && sorted[j - 1] > v; j--) sorted[j] = sorted[j - 1]
                sorted[j] = v
            }
            j = int((rounds + 1) / 2)
            return rounds % 2 ? sorted[j] : (sorted[j] + sorted[j + 1]) / 2
        }
        function aim(format, value) { return value == "" ? "" : sprintf(format, value) }
        END {
            print "| clients | call | calls/s | p50 ms | p95 ms | p99 ms | of the INSERT | target | of the naive | target |"
            print "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
            for (k = 1; k <= rows; k++) {
                split(order[k], key, SUBSEP); n = key[1]; w = key[2]
                printf "| %d | %s | %d | %.2f | %.2f | %.2f | %.2f | %s | %.1f | %s |\n", n, name[w],
                    median(n, w, 4), median(n, w, 5), median(n, w, 6), median(n, w, 7),
                    median(n, w, 4, "insert"), aim("≥ %.2f", target[w, n]),
                    median(n, w, 4, "naive"), aim("≥ %d", times[w, n])
            }
        }' "$scratch/results"
    printf '\n'
    sql -c "SELECT format('%s contributions; jackpot_validate(): %s checks, %s failed',
                          (SELECT count(*) FROM jackpot.ledger), count(*), count(*) FILTER (WHERE NOT ok))
              FROM jackpot_validate()"
}
mkdir -p benches/results
echo >&2
report | tee benches/results/latest.md
grep -q ', 0 failed$' benches/results/latest.md || { sql -c 'SELECT * FROM jackpot_validate() WHERE NOT ok' >&2; exit 1; }
