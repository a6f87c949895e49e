#!/usr/bin/env bash
# What the migration tools of ORMs do in a database with jackpot and traffic: with the setting of README.md
# they leave it alone, and without it this shows what happens.
#   PGHOST=… PGPORT=… PGUSER=… [PGPASSWORD=…] tests/clients/orm-migrations/run.sh [TOOL ...]
# PGUSER is a superuser, so that no missing right protects anything; no worker may run (jackpot.databases=''),
# since nothing else may change meanwhile. Makes databases named jackpot_…, drops them, ends with
# "N passed, M failed".
set -uo pipefail
cd "$(dirname "$0")"
: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}"
passed=0 failed=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

tools=("$@")
[ $# -gt 0 ] || tools=(drizzle-0.31 drizzle-1.0 prisma alembic)
for tool in "${tools[@]}"; do
    # drizzle-1.0 is drizzle/run.sh 1.0
    script=${tool%%-*}/run.sh argument=${tool#*-}
    "./$script" "$argument" 2>&1 | sed -E "s/^((not )?ok - )/\1$tool: /" | tee "$output" | grep -vE '^[0-9]+ passed, '
    if [[ $(tail -n 1 "$output") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
        echo "not ok - $tool: ended early"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
