# What psql/run.sh needs to know of a step.

# Its statements, which are one or those of a transaction.
def statements: .transaction // [.];

# PREPARE is for a connection that stays: through PgBouncer for a transaction, and gone at its end.
def pooled: env.POOLED == "yes";
def prepared: .transaction or (pooled | not);

def names: .name as $name | .transaction as $in
    | statements | to_entries[] | [(.key | tostring), if $in then $name + ": " + .value.name else .value.name end] | @tsv;

# One argument of psql for each value that is not NULL.
def array: "{" + (map(if . == null then "NULL" else "\"" + gsub("(?<c>[\"\\\\])"; "\\" + .c) + "\"" end) | join(",")) + "}";
def text:
    if .type == "jsonb" then .value | tojson
    elif .type | endswith("[]") then .value | array
    else .value | tostring end;
def variables: statements | to_entries | map(.key as $s | .value.parameters | to_entries[] | select(.value.value != null)
    | "-v", "p\($s)_\(.key + 1)=\(.value | text)") | @sh;

# The value in SQL, where it is the n-th of statement s.
def value($s; $n): if .value == null then "NULL" else ":'p\($s)_\($n)'" end;
def list: if length == 0 then "" else "(" + join(", ") + ")" end;
def execute($s): .parameters as $p | .sql as $sql
    | "PREPARE step_\($s)\($p | map(.type) | list) AS \($sql);", "\\o \($s)",
      "EXECUTE step_\($s)\([range($p | length) as $i | $p[$i] | value($s; $i + 1)] | list);", "\\o",
      if pooled then "DEALLOCATE step_\($s);" else empty end;
def inline($s): .parameters as $p | .sql as $sql
    | "\\o \($s)", ($sql | gsub("\\$(?<n>[0-9]+)"; (.n | tonumber) as $n | $p[$n - 1] | value($s; $n))) + ";", "\\o";
def script: prepared as $prepared
    # The connection must be good for a DEALLOCATE after an error.
    | if .transaction then (if pooled then "\\set ON_ERROR_ROLLBACK on" else empty end), "BEGIN;" else empty end,
      (statements | to_entries[] | .key as $s | .value | if $prepared then execute($s) else inline($s) end),
      if .transaction then .end + ";" else empty end;

# A value as the scenario writes it, by what it expects there.
def canonical($expected):
    if . == "\u0015" then null
    elif $expected == "true" or $expected == "false" then {t: "true", f: "false"}[.]
    elif ($expected | type) == "array" and startswith("{") then .[1:-1] | split(",") | map(ltrimstr("\"") | rtrimstr("\""))
    elif $expected | type == "array" or type == "object" then fromjson
    else . end;
def rows($expected): rtrimstr("\n") | split("\u001e") | map(split("\u001f")) | .[0] as $columns
    | .[1:] | to_entries | map(.key as $r | .value | to_entries
        | map($columns[.key] as $column | {key: $column, value: (.value | canonical($expected[$r][$column]))}) | from_entries);

# Nothing, or in what way statement s differs from the scenario.
def difference($s; $got; $errors): statements[$s] as $wanted
    | if $wanted.error then
          ([$errors | capture("ERROR: +(?<sqlstate>[0-9A-Z]{5}): [^\n]*\nDETAIL: +(?<token>[a-z_]+):")][0]) as $error
          | if $got == "" and $error == $wanted.error then empty else "\($error) \($got) \($errors)" end
      elif $got == "" then $errors
      else ($got | rows($wanted.rows)) as $rows | if $rows == $wanted.rows then empty else "\($rows)" end end;
