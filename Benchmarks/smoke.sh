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
# Control groups take privileges; without them there is a line that says so.
under_pressure() {
  local output
  if output=$("$tool" advise --memory 64MiB --size 16MiB --rounds 1 --seconds 0.05 --json 2>&1); then is_array <<<"$output"; else
    grep -q "no control group" <<<"$output"
  fi
}
growth() { "$tool" growth --regions 100,1000 --files 1,100 --policies clock --json || [ $? -eq 1 ]; }
replay() { "$tool" replay --capacity 2,50% --policies lru,arc "$@"; }
misses() { python3 -c 'import json, sys; print(*((r["trace"], r["capacity"], r["policy"], r["misses"]) for r in json.load(sys.stdin)))'; }
# The same trace in each format: ids as lines, and as the second field of packed records.
traces() {
  python3 - "$TMPDIR" <<'END'
import gzip, struct, sys
ids = [i * i % 11 for i in range(1000)]
text = "# made here\n" + "\n".join(map(str, ids))
records = b"".join(struct.pack("<IQIq", i, id, 1, -1) for i, id in enumerate(ids))
for name, data in [("trace.txt", text.encode()), ("trace.oracleGeneral", records)]:
    open(f"{sys.argv[1]}/{name}", "wb").write(data)
    half = len(data) // 2
    packed = gzip.compress(data[:half]) + gzip.compress(data[half:])
    open(f"{sys.argv[1]}/{name}.gz", "wb").write(packed)
    open(f"{sys.argv[1]}/padded-{name}.gz", "wb").write(packed + bytes(100000))
    open(f"{sys.argv[1]}/longer-{name}.gz", "wb").write(packed + bytes(3) + b"more")
    open(f"{sys.argv[1]}/short-{name}.gz", "wb").write(packed[:-5])
    open(f"{sys.argv[1]}/stub-{name}.gz", "wb").write(packed[:12])
    open(f"{sys.argv[1]}/odd-{name}", "wb").write(data[:-1] + b"x" * 2)
    damaged = bytearray(packed)
    damaged[len(packed) - 6] ^= 1
    open(f"{sys.argv[1]}/damaged-{name}.gz", "wb").write(damaged)
END
}
# Recordings of 1000 windows, each new: whole, cut within the last access, cut within the magic, and damaged at a byte of the 501st.
recordings() {
  python3 - "$TMPDIR" <<'END'
import struct, sys
accesses = [b"\0" + struct.pack("<Q", 7) + bytes([i % 128, 0x80, 0x20]) for i in range(1000)]
whole = b"SMTRACE\1" + b"".join(accesses)
damaged = bytearray(whole)
damaged[8 + 500 * 12] = 0x7F
damaged[8 + 500 * 12 + 1:8 + 500 * 12 + 11] = b"\xFF" * 10
for name, data in [("whole", whole), ("cut", whole[:-1]), ("stub", whole[:5]), ("damaged", damaged)]:
    open(f"{sys.argv[1]}/{name}.trace", "wb").write(data)
END
}
# Plays it all the same, and says on standard error what is missing.
plays_cut() {
  local words="$1" said
  shift
  said="$(replay "$@" 2>&1 >/dev/null)" && grep -q "ends too early, after $words requests" <<<"$said"
}
exits() {
  local code="$1" status=0
  shift
  "$@" >/dev/null 2>&1 || status=$?
  [ "$status" = "$code" ]
}
same_misses() {
  local text
  text="$(replay --json "$TMPDIR/trace.txt" | misses)"
  [ "$text" = "$(replay --json "$TMPDIR/trace.txt.gz" | misses)" ] &&
    [ "${text//trace/padded-trace}" = "$(replay --json "$TMPDIR/padded-trace.txt.gz" | misses)" ] &&
    [ "${text//trace/x}" = "$(replay --json "$TMPDIR/trace.oracleGeneral" | misses | sed 's/trace.oracleGeneral/x/g')" ] &&
    [ "${text//trace/stdin}" = "$(replay --json --format oracleGeneral - <"$TMPDIR/trace.oracleGeneral.gz" | misses)" ]
}
# The optimum's counts on the synthetic traces that the tests hold policies to (RequestTrace, GoldenMisses): two independent
# references agree on them.
optimum_is_published() {
  python3 - "$tool" <<'END'
import json, subprocess, sys
published = {
    "uniform": [167793, 110372, 39773], "skewed": [152337, 75462, 9743], "loop": [191621, 132037, 1500],
    "scanmix": [150411, 79424, 51759], "phases": [109875, 12416, 7075], "pairs": [100397, 100064, 100064],
}
mask = (1 << 64) - 1
def trace(name):
    state, past = 1, []
    def draw(bound):
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return (z ^ z >> 31) % bound
    def skewed(bound):
        return min(draw(bound) for _ in range(4))
    request = {
        "uniform": lambda i: draw(4096), "skewed": lambda i: skewed(4096), "loop": lambda i: i % 1500,
        "scanmix": lambda i: 100000 + i // 4 if i % 4 == 3 else skewed(2048),
        "phases": lambda i: skewed(1024) + 700 * (i // 20000),
        "pairs": lambda i: 200000 + i // 2 if i % 2 == 0 else past[i - 600] if i >= 600 else draw(64),
    }[name]
    for i in range(200000):
        past.append(request(i))
    return past
for name, counts in published.items():
    text = "\n".join(map(str, trace(name)))
    command = [sys.argv[1], "replay", "--policies", "belady", "--capacity", "64,512,2048", "--json", "-"]
    rows = json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)
    assert [row["misses"] for row in rows] == counts, name
END
}
complains() {
  local words="$1"
  shift
  fails "$@" && ("$@" 2>&1 >/dev/null || true) | grep -q "$words"
}
# A program in the place of Python's that fails once it has told its version.
peer_fails() {
  local bin="$TMPDIR/bin" text
  mkdir -p "$bin"
  printf '%s\n' '#!/bin/sh' '[ "$2" = --version ] && exec printf 1.0' 'echo no windows today >&2' 'exit 3' >"$bin/python3"
  chmod +x "$bin/python3"
  text="$(! PATH="$bin:$PATH" compare --backends mmap --policies lru --peers)" && grep -q "smmap 1.0.*no windows today" <<<"$text"
}
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
check "compare with peers, where there are some" compare --peers
check "compare tells why a peer failed" peer_fails
check "peers run on one thread" fails "$tool" compare --peers --threads 2
check "bulk, both sides alike, as JSON" eval '"$tool" bulk --size 8MiB --pairs 5 --json | is_array'
check "verify finds no difference" verify
check "verify over backends that copy, small windows" verify --backends pread,automatic --window 64KiB
check "verify as JSON" eval 'verify --policies lru,clock --json | is_array'
check "targets as JSON" eval 'targets | is_array'
check "advise as JSON" eval '"$tool" advise --size 16MiB --reads 8 --rounds 1 --json | is_array'
check "advise under memory pressure, or why not" under_pressure
check "workloads come to the same sums, as JSON" eval '"$tool" workloads --scale 0.01 --rounds 1 --json | is_array'
check "growth as JSON" eval 'growth | is_array'
check "soak changes finds nothing wrong" eval '"$tool" soak --minutes 0.05 --json | is_array'
check "soak loads finds nothing wrong" eval '"$tool" soak loads --loads 20000 --tasks 20 --idle 0 | grep -q " ok"'
check "soak mixed finds nothing wrong" eval '"$tool" soak mixed --operations 20000 --files 50 --json | is_array'
check "doctor in text" eval '"$tool" doctor | grep -q "file system"'
check "doctor as JSON" eval '"$tool" doctor "$files" --json | is_array'
check "doctor with 16 descriptors" eval '(ulimit -n 16 && "$tool" doctor >/dev/null)'
check "doctor refuses what is no directory" fails "$tool" doctor "$files/large"
traces
check "replay counts the same in each format" same_misses
check "replay finds the optimum" optimum_is_published
check "replay names the line that is no number" complains "line 1001" replay "$TMPDIR/odd-trace.txt"
recordings
check "replay plays a recording" eval 'replay "$TMPDIR/whole.trace" 2>&1 | (! grep "too early")'
check "replay plays a recording cut short" plays_cut 999 "$TMPDIR/cut.trace"
check "replay plays up to half a record" plays_cut "1,000" "$TMPDIR/odd-trace.oracleGeneral"
check "replay plays a gzip file cut short, without its last line" plays_cut 999 "$TMPDIR/short-trace.txt.gz"
check "replay plays records of a gzip file cut short" plays_cut "1,000" "$TMPDIR/short-trace.oracleGeneral.gz"
check "replay refuses a recording of nothing" complains "stub.trace: there are no requests: it ends" replay "$TMPDIR/stub.trace"
check "replay refuses a gzip file of nothing" complains "there are no requests: it ends" replay "$TMPDIR/stub-trace.txt.gz"
check "replay tells where a recording is damaged" complains "damaged.trace: a damaged recording: after 501 requests, bytes" replay "$TMPDIR/damaged.trace"
check "replay exits with 1 where a trace is damaged" exits 1 replay "$TMPDIR/whole.trace" "$TMPDIR/damaged.trace"
check "replay refuses a damaged gzip file" complains "damaged" replay "$TMPDIR/damaged-trace.oracleGeneral.gz"
check "replay refuses what is behind a gzip file's end" complains "something else behind" replay "$TMPDIR/longer-trace.txt.gz"
check "replay refuses a capacity left out" complains "capacity" replay --capacity 5,,6 "$TMPDIR/trace.txt"
check "replay refuses a policy left out" complains "policies" replay --policies lru, "$TMPDIR/trace.txt"
check "replay refuses an empty trace" complains "no requests" replay "$files/empty"
check "replay draws a curve" eval 'replay --svg "$TMPDIR/charts" "$TMPDIR/trace.txt.gz" >/dev/null && python3 -c "import sys, xml.etree.ElementTree as x; x.parse(sys.argv[1])" "$TMPDIR/charts/trace.svg"'
check "replay tells traces of one name apart" eval 'replay --svg "$TMPDIR/both" "$TMPDIR/trace.txt" "$TMPDIR/trace.txt.gz" | grep -q "^trace-2:" && [ -e "$TMPDIR/both/trace.svg" ] && [ -e "$TMPDIR/both/trace-2.svg" ]'
check "an unknown backend is refused" fails "$tool" compare --backends nosuch
check "an unknown policy is refused" fails "$tool" compare --policies nosuch
check "a directory without files is refused" fails "$tool" verify --files "$files/nosuch"
check "an interrupt leaves nothing behind" interrupted
echo "$passed passed, 0 failed"
