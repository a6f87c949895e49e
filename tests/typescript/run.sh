#!/usr/bin/env bash
# Tests examples/typescript, the drop-in module for callers of the old service; ends with
# "N passed, M failed".
exec "$(dirname "$0")/../../examples/typescript/test.sh" "$@"
