#!/usr/bin/env bash
# Runs each subcommand of mapbench once on small input and checks exit codes, JSON, and that nothing is left behind.
# Numbers are not judged here: `mapbench targets` does that, on an idle machine.
set -euo pipefail
cd "$(dirname "$0")"

swift build -c release -j "${JOBS:-2}" --product mapbench
tool="$(swift build -c release --show-bin-path)/mapbench"
TMPDIR="$(mktemp -d)"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
files="$TMPDIR/files"
mkdir -p "$files/below"
head -c 20000001 /dev/urandom >"$files/large"
head -c 5000 /dev/urandom >"$files/below/small"
: >"$files/empty"
ln -s large "$files/link"

passed=0
check() {
  local name="$1"
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok: $name"
  else
    echo "FAILED: $name"
    exit 1
  fi
}
is_array() { python3 -c 'import json, sys; sys.exit(not (json.load(sys.stdin) and True))'; }
compare() { "$tool" compare --files "$files" --budget 4MiB --window 256KiB --workloads hot,random "$@"; }
verify() { "$tool" verify --files "$files" --budget 4MiB --window 256KiB "$@"; }
fails() { ! "$@" >/dev/null 2>&1; }
targets() { "$tool" targets --only N1 --pairs 5 --json || [ $? -eq 1 ]; }
interrupted() {
  "$tool" targets >/dev/null 2>&1 &
  local pid=$!
  while [ -z "$(find "$TMPDIR" -maxdepth 1 -name 'mapbench-*')" ]; do sleep 0.05; done
  kill -INT "$pid"
  ! wait "$pid" && [ -z "$(find "$TMPDIR" -maxdepth 1 -name 'mapbench-*')" ]
}

check "compare reads the same bytes everywhere" compare
check "compare with two threads, as JSON" eval 'compare --threads 2 --json | is_array'
check "compare over the backends named" eval 'compare --backends pread,automatic --policies clock | grep -q "sliding pread.*clock"'
check "verify finds no difference" verify
check "verify over backends that copy, small windows" verify --backends pread,automatic --window 64KiB
check "verify as JSON" eval 'verify --policies lru,clock --json | is_array'
check "targets as JSON" eval 'targets | is_array'
check "doctor in text" eval '"$tool" doctor | grep -q "file system"'
check "doctor as JSON" eval '"$tool" doctor "$files" --json | is_array'
check "doctor with 16 descriptors" eval '(ulimit -n 16 && "$tool" doctor >/dev/null)'
check "doctor refuses what is no directory" fails "$tool" doctor "$files/large"
check "an unknown backend is refused" fails "$tool" compare --backends nosuch
check "an unknown policy is refused" fails "$tool" compare --policies nosuch
check "a directory without files is refused" fails "$tool" verify --files "$files/nosuch"
check "an interrupt leaves nothing behind" interrupted
echo "$passed passed, 0 failed"
