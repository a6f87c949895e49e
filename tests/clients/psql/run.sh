#!/usr/bin/env bash
# The scenario by psql, one call a step. Values are psql's variables, which :'name' quotes.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
passed=0 failed=0

# about FILTER [OPTION ...]: what steps.jq says of the step.
about() { jq -nr -L "$here" --argjson step "$step" "${@:2}" "include \"steps\"; \$step | $1"; }

echo "client: $(psql --version | sed 's/ (PostgreSQL)//; s/ (.*//')"
while read -r step; do
    rm -f -- *
    about script >script
    eval "values=($(about variables))"
    # What each statement returns goes to a file of its own, in a form in which nothing is ambiguous.
    psql -Xq -v VERBOSITY=verbose "${values[@]}" -A -F $'\x1f' -R $'\x1e' -P null=$'\x15' -P footer=off -f script 2>errors
    while IFS=$'\t' read -r file name; do
        [ -e "$file" ] || : >"$file"
        why=$(about "difference($file; \$got; \$errors)" --rawfile got "$file" --rawfile errors errors) ||
            why="it cannot be read"
        if [ -z "$why" ]; then
            passed=$((passed + 1))
            echo "ok - $name"
        else
            failed=$((failed + 1))
            echo "not ok - $name: $why"
        fi
    done < <(about names)
done < <(jq -c '.[]' "$SCENARIO")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
