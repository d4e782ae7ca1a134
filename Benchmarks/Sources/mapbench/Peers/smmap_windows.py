# Reads files through Python's smmap. Run by `mapbench compare --peers` where that is installed.
#
#   smmap_windows.py ACCESSES WARMUP BUDGET WINDOW FILE...
#
# Arguments and output are those of git_windows.c, which says what they are.
import array
import struct
import sys
import time

import smmap

if sys.argv[1:] == ["--version"]:
    print(smmap.__version__, end="")
    sys.exit()

accesses = array.array("Q")
with open(sys.argv[1], "rb") as file:
    accesses.frombytes(file.read())
warm_up, budget, window = map(int, sys.argv[2:5])
manager = smmap.SlidingWindowMapManager(window_size=window, max_memory_size=budget)
cursors = [manager.make_cursor(path) for path in sys.argv[5:]]
word = struct.Struct("<Q").unpack_from
low_bits = (1 << 40) - 1
mask = (1 << 64) - 1
current = 0


def load(access):
    global current
    file = access >> 40
    if file != current:
        cursors[current].unuse_region()
        current = file
    cursor = cursors[file]
    cursor.use_region(access & low_bits, 64)
    data = cursor.buffer()
    return word(data, 0)[0] + word(data, 16)[0] * 3 + word(data, 32)[0] * 5 + word(data, 56)[0] * 7


def resident_file_bytes():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("RssFile:"):
                return int(line.split()[1]) << 10
    return 0


start_resident = resident_file_bytes()
peak = 0
for index in range(warm_up):
    load(accesses[index])
total = 0
latencies = []
until_timed = 31
clock = time.perf_counter_ns
start = clock()
for index in range(warm_up, len(accesses)):
    until_timed -= 1
    if until_timed == 0:
        until_timed = 31
        before = clock()
        value = load(accesses[index])
        latencies.append(clock() - before)
        peak = max(peak, manager.mapped_memory_size())
    else:
        value = load(accesses[index])
    total += value * (index | 1)
seconds = (clock() - start) / 1e9
resident = max(0, resident_file_bytes() - start_resident)
print(f"{total & mask:x} {seconds:.9f} {peak} {resident} -")
print("\n".join(map(str, latencies)))
