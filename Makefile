# Each target is what it says; .ci/run calls the same ones.
GO ?= go
# Tools are pinned here and run from the module cache; nothing of them is in go.mod.
GOLANGCI := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help
help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: ## start the job system on ./carillon-data
	$(GO) run ./examples/server

.PHONY: test
test: ## everything that CI runs: tests with -race, then the checks; says how long each part took
	./.ci/parts

.PHONY: needs
needs: ## install what the tests need beyond Go: a C compiler for -race, curl for the tour, PostgreSQL with a pooler, what the chaos suite breaks
	@command -v $${CC:-cc} >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || \
	  { echo "installing a C compiler (for -race)"; apt-get update -q && apt-get install -q -y gcc libc6-dev; }
	@command -v curl >/dev/null 2>&1 || { echo "installing curl (for the tour)"; apt-get update -q && apt-get install -q -y curl; }
	@command -v pgbouncer >/dev/null 2>&1 && { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || \
	  { echo "installing PostgreSQL and a pooler"; apt-get update -q && apt-get install -q -y postgresql pgbouncer; }
	@command -v strace >/dev/null 2>&1 && command -v ip >/dev/null 2>&1 || \
	  { echo "installing what the chaos suite breaks system calls and networks with"; apt-get update -q && apt-get install -q -y strace iproute2; } || \
	  echo "without it two rows of the chaos suite are skipped, and the report says so"

.PHONY: race
race: ## the tests alone, with the race detector
	$(GO) test -race -shuffle=on -timeout 20m ./...

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## golangci-lint with .golangci.yml
	$(GOLANGCI) run ./...

.PHONY: tidy
tidy: ## go.mod and go.sum are as they should be
	$(GO) mod tidy -diff
	$(GO) mod verify

.PHONY: examples
examples: ## build every example and run it for real
	$(GO) build ./examples/...
	$(GO) test -count=1 ./examples/...

.PHONY: chaos
chaos: ## real processes on real databases are killed, stopped and cut off; writes examples/chaos/REPORT.md, REPORT=FILE another one
	cd examples/chaos && $(GO) test -count=1 -parallel 8 -timeout 10m -whole -report $(or $(REPORT),REPORT.md)

.PHONY: fuzz
fuzz: ## each fuzz target for a moment; FUZZTIME=1m for longer
	GO=$(GO) ./.ci/fuzz $(or $(FUZZTIME),2s)

.PHONY: bench
bench: ## each benchmark once, so that none rots; BENCHTIME=1s measures
	$(GO) test -run '^$$' -bench . -benchtime $(or $(BENCHTIME),1x) ./...

.PHONY: cover
cover: ## coverage by package
	$(GO) test -cover ./...
