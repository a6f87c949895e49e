#!/usr/bin/env bash
# The scenario by JDBC. Jars are Debian's: installed, or unpacked by scripts/prerequisites.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
jars=
for jar in postgresql gson; do
    for folder in "$here/../../../target/debian" ""; do
        if [ -e "$folder/usr/share/java/$jar.jar" ]; then
            jars+=$folder/usr/share/java/$jar.jar:
            break
        fi
    done
done
exec java -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -cp "$jars" "$here/Scenario.java"
