# For the tests of migration tools written in JavaScript, which source it with the folder of their package.json.
files=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PGOPTIONS='-c client_min_messages=warning' NO_COLOR=1
passed=0 failed=0
databases=() roles=()

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
clean_up() {
    for database in "${databases[@]}"; do sql -d postgres -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"; done
    for role in "${roles[@]}"; do sql -d postgres -c "DROP ROLE IF EXISTS $role"; done
    rm -rf "$project"
}

# A folder with the configuration to work in, beside the installed packages.
project() { # PACKAGE FILE ...
    if ! cmp -s "$1/package-lock.json" "$1/node_modules/.installed"; then
        (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --silent) || exit 1
        cp "$1/package-lock.json" "$1/node_modules/.installed"
    fi
    project=$(mktemp -d)
    trap clean_up EXIT
    ln -s "$1/node_modules" "$project/node_modules"
    cp "${@:2}" "$project"
    cd "$project" || exit 1
}

# A database, to which everything is led from here on.
database() { # NAME
    databases+=("$1")
    sql -d postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1" || exit 1
    # PGPASSWORD is read by all of them.
    export PGDATABASE=$1 DATABASE_URL="postgresql://$PGUSER@localhost:$PGPORT/$1?host=$PGHOST"
}

version() { node -p "require('$project/node_modules/$1/package.json').version"; }

is() { # NAME GOT EXPECTED
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok - $1"
    else
        failed=$((failed + 1))
        printf 'not ok - %s: got\n%s\n  expected\n%s\n' "$1" "$2" "$3"
    fi
}

# does NAME COMMAND ...: it succeeds. refuses NAME COMMAND ...: it fails. What it says is kept in output.
does() {
    local status=0
    "${@:2}" >"$project/output" 2>&1 </dev/null || status=$?
    is "$1" "$([ $status -eq 0 ] || tail -n 20 "$project/output")" ""
}
refuses() {
    local status=0
    "${@:2}" >"$project/output" 2>&1 </dev/null || status=$?
    is "$1" "$([ $status -ne 0 ] || tail -n 20 "$project/output")" ""
}

# shows NAME PATTERN FILE ..., hides NAME PATTERN FILE ...
shows() { is "$1" "$(cat "${@:3}" | grep -qE -e "$2" || cat "${@:3}" | tail -n 20)" ""; }
hides() { is "$1" "$([ -s "$3" ] || echo "no $3"; cat "${@:3}" | grep -iE -e "$2")" ""; }

traffic() { sql -f "$files/traffic.sql" >/dev/null || exit 1; }
state() { sql -f "$files/state.sql" 2>&1; }
remember() {
    before=$(state)
    is "there is something to lose" \
        "$(grep -c '^member|' <<<"$before" | awk '{ print ($1 > 100) }') $(grep -cE '^rows jackpot.(ledger_20..|journal|win|secret|request).* [1-9][0-9]* ' <<<"$before")" "1 5"
}
unharmed() {
    is "$1: every object and row of the extension is as before" "$(diff <(echo "$before") <(state) | head -n 20)" ""
    is "$1: the books are right" "$(sql -c 'SELECT * FROM jackpot_validate() WHERE NOT ok' 2>&1)" ""
}

# Of the application's own table.
columns() { sql -c "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'bets'::regclass AND attnum > 0 AND NOT attisdropped"; }

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
