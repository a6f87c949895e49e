#!/usr/bin/env bash
# Runs the tiers of tests, all or those named, and goes on after a failing one.
#
#   scripts/test.sh [TIER ...]
#
# A tier that tells how many tests it ran counts as those, any other as one. The output of each is
# kept in target/test-logs.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=target/test-logs
mkdir -p "$logs"

all=(lint core regress isolation concurrency clients typescript migration crash watch monitoring browser restore)
tiers=("$@")
[ $# -gt 0 ] || tiers=("${all[@]}")

run() {
    case $1 in
    lint) make --no-print-directory lint ;;
    core) cargo test -p jackpot-core -p jackpot-bench ;;
    *) "tests/$1/run.sh" ;;
    esac
}

# What a tier says in its last line (`12 passed, 0 failed`), else what cargo and pg_regress say in it.
count() {
    awk '
        match($0, /[0-9]+ passed[;,] [0-9]+ failed/) {
            split(substr($0, RSTART, RLENGTH), word, " "); passed += word[1]; failed += word[3] }
        / All [0-9]+ tests passed/           { passed += $2 }
        / [0-9]+ of [0-9]+ tests failed/     { failed += $1; passed += $3 - $1 }
        NF                                   { last = $0 }
        END {
            if (last ~ /^[0-9]+ passed, [0-9]+ failed$/) { split(last, word, " "); passed = word[1]; failed = word[3] }
            print passed + 0, failed + 0
        }' "$1"
}

# The lines that tell what failed, for the end of a long log.
failures() { grep -nE '^not ok|\.\.\. FAILED|^test .* FAILED|^error(\[|:)|panicked at|^[-+] ' "$1" | head -n 40 || true; }

table='' total_passed=0 total_failed=0 failed_tiers=()
for tier in "${tiers[@]}"; do
    if [[ " ${all[*]} " != *" $tier "* ]]; then
        echo "there is no tier $tier; the tiers are: ${all[*]}" >&2
        exit 2
    fi
    if [[ $tier != @(lint|core) && ! -e tests/$tier/run.sh ]]; then
        table+=$(printf "%-10s absent" "$tier")$'\n'
        continue
    fi
    echo "== $tier"
    started=$SECONDS result=ok
    run "$tier" 2>&1 | tee "$logs/$tier.log" || result=FAILED
    read -r passed failed < <(count "$logs/$tier.log")
    if [ $((passed + failed)) -eq 0 ] && [ $result = ok ]; then passed=1; fi
    if [ "$failed" -eq 0 ] && [ $result = FAILED ]; then failed=1; fi
    if [ "$failed" -gt 0 ]; then result=FAILED; failed_tiers+=("$tier"); fi
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
    table+=$(printf '%-10s %-7s %7d %7d %8d' "$tier" "$result" "$passed" "$failed" $((SECONDS - started)))$'\n'
done

for tier in "${failed_tiers[@]}"; do
    printf '\n== what failed in %s\n' "$tier"
    failures "$logs/$tier.log"
done
printf '\n%-10s %-7s %7s %7s %8s\n' tier result passed failed seconds
printf '%s\n%d passed, %d failed\n' "$table" "$total_passed" "$total_failed"
[ "$total_failed" -eq 0 ]
