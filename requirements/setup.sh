#!/bin/sh
# Makes .venv with the locked dependencies of one set (run, dev or spark) and the project itself, editable.
# uv when it can be had and can reach the index by itself, else pip; both hold every file to its hash.
set -eu
set_name=$1
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
stamp=.venv/.set-$set_name
want=$(cat "requirements/$set_name.txt" pyproject.toml | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

if [ ! -x .venv/bin/python ]; then
  python=
  for candidate in python3 python3.13 python3.12 python3.11 python; do
    if command -v "$candidate" >/dev/null 2>&1 &&
       "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
  [ -n "$python" ] || { echo "setup: Python 3.11, 3.12 or 3.13 with venv is needed, and none was found" >&2; exit 2; }
  echo "setup: making .venv with $($python --version)" >&2
  "$python" -m venv .venv
fi

started=$(date +%s)
echo "setup: installing the $set_name set ($(grep -c '^[a-z0-9].*==' "requirements/$set_name.txt") locked packages)" >&2
if { [ -x .venv/bin/uv ] || .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt; } &&
   .venv/bin/uv pip install --system-certs --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r "requirements/$set_name.txt"; then
  how=uv
else
  echo "setup: uv could not install, going on with pip (slower)" >&2
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$set_name.txt"
  how=pip
fi
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$want" > "$stamp"
echo "setup: done in $(($(date +%s) - started)) s, with $how" >&2
