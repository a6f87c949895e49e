#!/usr/bin/env bash
# Runs the scenario with one of the clients named in ./clients, on the server of the environment.
#   tests/clients/python/run.sh CLIENT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
client=${1:?usage: run.sh CLIENT}

venv=$here/../../../target/clients/python
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
export PYTHONDONTWRITEBYTECODE=1 PYTHONIOENCODING=utf-8
exec "$venv/bin/python" "$here/${client}_client.py"
