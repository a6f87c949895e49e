#!/usr/bin/env bash
# Alembic's autogenerate in a database with jackpot: with include_name it leaves the extension alone,
# without it it wants to drop the extension's tables, and PostgreSQL refuses.
# PGHOST, PGPORT, PGUSER, PGPASSWORD lead to the server. Ends with "N passed, M failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)

venv=$root/target/clients/alembic
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi

export PGDATABASE=jackpot_alembic PGOPTIONS='-c client_min_messages=warning'
admin() { psql -Xq -d postgres -v ON_ERROR_STOP=1 -c "$1"; }
value() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

# Migrations that autogenerate writes go into a copy.
project=$(mktemp -d)
trap 'rm -rf "$project"; admin "DROP DATABASE IF EXISTS $PGDATABASE WITH (FORCE)"' EXIT
cp "$here"/*.{ini,py,mako} "$project"
cp -r "$here/versions" "$project"
export PYTHONDONTWRITEBYTECODE=1
alembic() { "$venv/bin/alembic" -c "$project/alembic.ini" "$@" >"$project/output" 2>&1; }
generated() { cat "$project"/versions/*_"$1".py; }

passed=0 failed=0
check() {
    local name=$1
    if "${@:2}"; then
        echo "ok - $name"; passed=$((passed + 1))
    else
        echo "not ok - $name: $(tail -n 3 "$project/output" | tr '\n' ' ' | cut -c 1-300)"; failed=$((failed + 1))
    fi
}

echo "client: alembic $("$venv/bin/python" -c 'import alembic; print(alembic.__version__)')"
admin "DROP DATABASE IF EXISTS $PGDATABASE WITH (FORCE)"
admin "CREATE DATABASE $PGDATABASE"

members="SELECT md5(string_agg(d::text, ',' ORDER BY d::text)) FROM pg_depend d
         WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'jackpot')"
untouched() { [ "$(value "$members")" = "$before" ] && [ -z "$(value 'SELECT * FROM jackpot_validate() WHERE NOT ok')" ]; }

check 'a migration makes the extension' alembic upgrade head
value "SELECT FROM jackpot_contribute('game1', 1250)" >/dev/null
before=$(value "$members")

check 'with include_name nothing is to be done' alembic check
in_default_schema_only() {
    ! alembic -x include_schemas=no -x include_name=no check && ! grep -q "'jackpot'" "$project/output"
}
check 'without include_schemas nothing needs to be left out' in_default_schema_only

a_column_only() {
    sed -i 's/^    name: .*/&\n    country: Mapped[str | None]/' "$project/models.py"
    alembic revision --autogenerate --rev-id 0002 -m country || return
    generated country | grep -q "add_column('player'" && ! generated country | grep -q jackpot
}
check 'a change of a model becomes a migration of that alone' a_column_only
check 'which runs' alembic upgrade head
check 'and leaves the extension alone' untouched

all_of_it() {
    alembic -x include_name=no revision --autogenerate --rev-id 0003 -m all || return
    generated all | grep -q "drop_table('ledger', schema='jackpot')"
}
check 'without include_name the tables of the extension are to be dropped' all_of_it
refused() {
    ! alembic upgrade head && grep -q 'because extension jackpot requires it' "$project/output"
}
check 'which PostgreSQL refuses' refused
check 'and leaves the extension alone, too' untouched
rm -f "$project"/versions/0003_all.py
check 'the way back drops the extension' alembic downgrade base
check 'and nothing of it is left' test "$(value "SELECT count(*) FROM pg_proc WHERE proname ~ '^jackpot_'")" = 0

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
