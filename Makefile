# Everything a newcomer types. Each target installs what it needs first (script/setup: Debian and Ubuntu; elsewhere install
# Swift 6.2 or later by hand).
.PHONY: compare verify soak targets workloads micro doctor test schedule golden faults fuzz lint docs sanitize clean
SWIFT ?= swift
JOBS ?= 2
MAPBENCH = $(SWIFT) run -c release -j $(JOBS) --package-path Benchmarks mapbench

compare: setup      ## compares backends and policies on a corpus made for the purpose; ARGS="--files DIR" for your own
	$(MAPBENCH) compare $(ARGS)

verify: setup       ## proves every byte: make verify ARGS="--files DIR"
	$(MAPBENCH) verify $(ARGS)

soak: setup         ## files that a second process changes, limits, faults: nothing wrong, nothing left; ARGS="--minutes 60", or loads, or mixed
	$(MAPBENCH) soak $(ARGS)

targets: setup      ## measures the promised numbers; ARGS="--only N1,N4"
	$(MAPBENCH) targets $(ARGS)

workloads: setup    ## what users do, beside how they would do it without
	$(MAPBENCH) workloads $(ARGS)

micro: setup        ## microbenchmarks, held to stored thresholds; ARGS=--update stores this run's
	SWIFT='$(SWIFT)' script/micro $(ARGS)

doctor: setup       ## what this machine allows and what follows; ARGS=DIR for the file system of a directory
	$(MAPBENCH) doctor $(ARGS)

test: setup         ## all tests
	$(SWIFT) test -j $(JOBS) --parallel $(ARGS)

# Hashing is seeded by chance otherwise, and a seed would not repeat its schedule.
schedule: setup     ## few threads in orders that seeds decide: SLIDING_MAP_SCHEDULES of each scenario (300), CONTRIBUTING.md has more
	SWIFT_DETERMINISTIC_HASHING=1 $(SWIFT) test -j $(JOBS) --traits Schedule,default --scratch-path .build-schedule \
	  --filter ScheduleTests $(ARGS)

# Replays of one process get in each other's way in its one address space, so each backend has one of its own.
golden: setup       ## every published count: policies alone, and through managers over every backend; half an hour
	$(SWIFT) build -c release -j $(JOBS) --build-tests
	$(SWIFT) test -c release --skip-build --filter GoldenTests
	for backend in mmap automatic uring direct pread; do echo $$backend; done | xargs -P $(JOBS) -I{} \
	  env SLIDING_MAP_EVERY_CELL={} $(SWIFT) test -c release --skip-build --ignore-lock --filter ReplayTests

faults: setup       ## each fault at each call of a session, over every backend; in a release build
	$(SWIFT) build -c release -j $(JOBS) --build-tests
	SLIDING_MAP_EVERY_FAULT=1 $(SWIFT) test -c release --skip-build --filter EveryFaultTests

fuzz: setup         ## inputs that a fuzzer makes up: MINUTES for each of FUZZERS (10); ARGS=FILE with one of FUZZERS repeats an input
	SWIFT='$(SWIFT)' JOBS='$(JOBS)' MINUTES='$(MINUTES)' FUZZERS='$(FUZZERS)' script/fuzz $(ARGS)

lint: setup         ## formatting and style
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources \
	  Benchmarks/Microbenchmarks/Package.swift Benchmarks/Microbenchmarks/Sources

# The thread sanitizer does not see the standard library's Mutex, which the article's backend has. Replays of traces, an hour and more
# under a sanitizer, come to no code that others do not come to.
sanitize: setup     ## the tests under the sanitizers: for threads those that have some, and for addresses all but replays
	$(SWIFT) test -j $(JOBS) --disable-xctest --scratch-path .build-tsan --sanitize=thread -Xswiftc -DSLIDING_MAP_CANARY \
	  --skip 'ConformanceTests|GoldenTests|ReplayTests|QueueSizeTests|PinProtocolTests|ArticleTests' $(ARGS)
	$(SWIFT) test -j $(JOBS) --disable-xctest --scratch-path .build-asan --sanitize=address \
	  --skip 'GoldenTests|ReplayTests' $(ARGS)

docs: setup         ## the documentation as a web site in docs-out
	script/docs

.PHONY: setup
setup:
	@script/setup

clean:
	rm -rf .build .build-* Benchmarks/.build Benchmarks/Microbenchmarks/.build Tests/Fuzzing/.build docs-out
