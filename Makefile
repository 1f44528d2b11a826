# pilotlight: what there is to do with a clone. `make` alone lists it.
#
# Every target works as the first command in a fresh clone: what it needs is set up before.
# Nothing here is parallel, and nothing is downloaded twice: `make setup` is done in less than a
# second when nothing is missing, and the TypeScript compiler itself decides what is out of date.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The tools of this clone, never those of the machine.
BIN := node_modules/.bin

# make test-real T="name"     only the tests whose name matches
# make bench B="dhcp decode"  only the cases whose names contain it; also bench-assets, bench-dhcp and bench-files
# make fuzz FUZZ_SECONDS=300  split over all targets; TARGET=dhcp for one of them
# make run ARGS="..."         arguments for the lab
# make test REPORT=file       vitest's JSON report as well, for .ci/run
T ?=
B ?=
ARGS ?=
REPORT ?=
FUZZ_SECONDS ?= 60
TARGET ?=
export T B ARGS REPORT FUZZ_SECONDS TARGET

# Where `make install` puts things, and for which rack.
# make install INTERFACE=eth0 ADDRESS=172.24.42.150/24     also makes that interface's units
# make install DESTDIR=/tmp/tree                           a tree to look at or to package
DESTDIR ?=
INTERFACE ?=
ADDRESS ?=
export DESTDIR INTERFACE ADDRESS

VITEST := $(BIN)/vitest run $(if $(REPORT),--reporter=default --reporter=json --outputFile.json="$$REPORT")

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.PHONY: setup
setup: ## install what is missing, and build
	@scripts/setup
	@$(BIN)/tsc -b

.PHONY: build
build: setup ## compile into dist/

.PHONY: lint
lint: setup ## format and lint walls, with warnings as errors
	$(BIN)/biome check --error-on-warnings .

.PHONY: test
test: lint ## lint, types, unit tests, boot tests
	$(VITEST) --project unit --project boot

.PHONY: test-real
test-real: setup ## real firmware in QEMU against the agent; T="name" for some of it
	test/real/prepare
	$(VITEST) --project real $(if $(T),-t "$$T")

.PHONY: bench
bench: setup ## codecs measured beside other decoders; B="dhcp decode" for some
	$(BIN)/tsc -p test/bench
	node test-output/bench-build/test/bench/main.js $(if $(B),"$$B")

.PHONY: bench-assets
bench-assets: setup ## fetching, keeping and serving assets, beside curl and nginx
	$(BIN)/tsc -p test/bench
	node test-output/bench-build/test/bench/assets/main.js $(if $(B),"$$B")

.PHONY: bench-dhcp
bench-dhcp: setup ## addresses a second, beside Kea and dnsmasq; B=pilotlight for one
	$(BIN)/tsc -p test/bench
	node test-output/bench-build/test/bench/dhcp/main.js $(if $(B),"$$B")

.PHONY: bench-files
bench-files: setup ## files by TFTP and NFS, beside other servers; B="1 client" for some
	$(BIN)/tsc -p test/bench
	node test-output/bench-build/test/bench/files/main.js $(if $(B),"$$B")

.PHONY: fuzz
fuzz: setup ## coverage-guided fuzzing of all codecs, for FUZZ_SECONDS
	@$(BIN)/tsc -b test/fuzz
	@node dist/test/fuzz/main.js --seconds "$$FUZZ_SECONDS" --target "$$TARGET"

.PHONY: golden
golden: setup ## write anew what the captures in test/golden decode to, and what we would have answered
	GOLDEN=write $(BIN)/vitest run --project unit test/golden/golden.test.ts test/golden/replay
	git --no-pager diff --stat -- test/golden

.PHONY: run
run: setup ## an agent and simulated machines in private network namespaces
	node dist/agent/pilotlight.js lab $$ARGS

.PHONY: storm
storm: setup ## a thousand simulated machines at once; ARGS="--loss 5%" for more
	node dist/agent/pilotlight.js sim storm $$ARGS

.PHONY: clean
clean: ## take away what the build and the tests made
	rm -rf dist coverage test-output

.PHONY: install
install: ## as root: /opt/pilotlight, its command, units and user
	@packaging/install

.PHONY: uninstall
uninstall: ## as root: take that away, but not the site and the state
	@packaging/uninstall
