# The commands everyone uses; `make` alone lists them. They need Go, Python 3 and make. Everything else is pinned here and
# installed into .tools/ on first use. Nothing is written outside of .tools/, .local/, .aws-sam/ and Go's own caches.

# Both ways of building, `go build` and `sam build`, read these, so that they make the same bytes. Without cgo a binary
# runs with any C library; lambda.norpc leaves out a protocol that this runtime does not use.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -tags=lambda.norpc -ldflags=-s -buildvcs=false

# SAM keeps its files here instead of in the home directory, and reports nothing to anybody.
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_APP_DIR := $(CURDIR)/.tools/sam

PYTHON ?= python3
VENV := .tools/venv
SAM := $(VENV)/bin/sam
CHECKOV := .tools/checkov
BIN := $(CURDIR)/.tools/bin
STEP := .ci/step
TAGS := -tags=lambda.norpc,blackbox,template

GOLANGCI_LINT := $(BIN)/golangci-lint-v2.15.0
GOVULNCHECK := $(BIN)/govulncheck-v1.9.0
ALL_TAGS := $(TAGS),browser,soak,local,backends

.DEFAULT_GOAL := help
.PHONY: help run invoke api test check browser race soak vet lint fix fuzz integrations validate build strict customers backends names \
  vulnerabilities modules licences sbom hardening reproducible deploy bench scale clean tools chromium

help: ## lists these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: tools ## the whole path on this machine: ONCE=1, OPERATE=1, QUEUE=standard, LIVE=1, PORT=4566
invoke: tools ## every event of events/ with sam local invoke in Docker: EVENT=events/<file>.json
api: tools ## sam local start-api in Docker, beside the local AWS: ONCE=1, QUEUE=standard

run invoke api:
	@mkdir -p .local && $(STEP) "go build" go build -o .local/ ./cmd/local ./cmd/bridge
	@echo "── make $@" && exec .local/local $@

# Most of its tests wait for a process, so six of a package run at a time.
test: tools ## unit, property, golden, template and black-box tests, in random order
	@$(STEP) "tests" go test -parallel 6 -shuffle=on $(TAGS) ./...

check: vet fix lint test browser race soak fuzz integrations validate hardening build reproducible strict customers backends modules licences vulnerabilities ## everything that must hold before a change goes in

browser: chromium ## the console in Chromium, which is installed where it is missing
	@$(STEP) "browser tests" go test -tags=lambda.norpc,browser ./cmd/bridge/internal/console

# The packages that share anything between goroutines, without two long tests of a single one.
race: ## unit tests again with the race detector, which needs a C compiler
	@if command -v $$(go env CC) >/dev/null; then \
	  CGO_ENABLED=1 $(STEP) "race detector" go test -race -short -vet=off -skip 'TenThousandWebhooks|MemoryDoesNotGrow' \
	    $$(grep -lrE 'go func|\.Go\(|AfterFunc|sync\.(Map|Mutex|Pool)' --include='*.go' --exclude='*_test.go' cmd functions shared | \
	      xargs -n1 dirname | grep -v testdata | sort -u | sed 's|^|./|'); \
	  else echo "── race detector: not run, because there is no C compiler on this machine"; fi

soak: ## nothing is lost while everything goes wrong: SOAK=10m, SEED=1, QUEUE=fifo, DAY=whole
	@$(STEP) "soak" go test -tags=lambda.norpc,soak -count=1 -timeout=2h -v ./functions/soak

vet: ## go vet, build tags included
	@$(STEP) "go vet" go vet $(ALL_TAGS) ./...

lint: $(GOLANGCI_LINT) ## linters and gofmt over the Go code
	@$(STEP) "golangci-lint" $(GOLANGCI_LINT) run --allow-parallel-runners

fix: ## would go fix change anything? A few lines joined with += need no strings.Builder
	@$(STEP) "go fix" go fix -diff -stringsbuilder=false $(ALL_TAGS) ./...

fuzz: ## each fuzz target for TIME (1s)
	@$(STEP) "fuzzing" .ci/fuzz $(or $(TIME),1s)

integrations: ## bridge lint on the integration file
	@$(STEP) "bridge lint" go run ./cmd/bridge lint shared/config/integrations.yaml

names: ## the same, strictly: an unknown name is a typo unless the file confirms it
	@$(STEP) "bridge lint --strict" go run ./cmd/bridge lint --strict shared/config/integrations.yaml

customers: tools ## what depends on the integration file, with those of three customers, once with make run on the standard queue
	@.ci/customer .ci/customers/*.yaml

backends: ## the guide's programs for your own back end, in the languages that are on this machine
	@$(STEP) "programs of docs/guide/relay.md and users.md" .ci/backends

validate: tools ## sam validate with cfn-lint
	@$(STEP) "sam validate --lint" $(SAM) validate --lint

build: tools ## sam build for the architecture of the template
	@$(STEP) "go build" go build ./...
	@$(STEP) "sam build" $(SAM) build

strict: tools chromium ## make run on a hardened FIFO stack with roles, signatures and TLS checked, an operator's day, and faults on purpose
	@mkdir -p .local && go build -o .local/ ./cmd/bridge
	@$(STEP) "the strict stack" go test -tags=lambda.norpc,local -count=1 -v -run 'TestTheStrictStack|TestTheProof' ./cmd/local

vulnerabilities: $(GOVULNCHECK) ## known vulnerabilities in what is built
	@$(STEP) "govulncheck" .ci/vulnerabilities $(GOVULNCHECK)

modules: ## are the modules in the cache those of go.sum?
	@$(STEP) "go mod verify" go mod verify

licences: ## may every module be shipped under its licence?
	@$(STEP) "licences" $(PYTHON) -B .ci/modules.py licences

sbom: ## software bill of materials, into .local/bridge.cdx.json
	@$(STEP) "bill of materials" $(PYTHON) -B .ci/modules.py sbom .local/bridge.cdx.json

hardening: ## checkov over the template, with its exceptions in .ci/checkov.yaml
	@.ci/venv $(PYTHON) $(CHECKOV) .ci/checkov.txt
	@$(STEP) "checkov" $(CHECKOV)/bin/checkov --config-file .ci/checkov.yaml

reproducible: build ## does another build make the same bytes as SAM's?
	@$(STEP) "the same bytes twice" .ci/reproducible

deploy: names build ## sam deploy to AWS: ENV=staging, ENV=production
	@$(SAM) deploy $(if $(ENV),--config-env $(ENV),--guided)

bench: ## what users notice, each figure beside its floor, one table: COUNT=10 for its median and for benchstat
	@mkdir -p .local && rm -f .local/bench.txt
	@for round in $$(seq $(or $(COUNT),1)); do echo "── benchmarks, round $$round" && \
	  go test -run '^$$' -bench 'Receiver$$|Forwarder|Subscriber' -benchmem -timeout 1h \
	    ./functions/receiver ./shared/forward ./functions/forwarder >>.local/bench.txt || exit 1; done
	@go run ./cmd/bench .local/bench.txt

scale: ## simulates a million renewals in ten minutes: QUEUE=standard, ARGS="-latency 300ms"
	@go run ./cmd/scale $(if $(QUEUE),-queue $(QUEUE)) $(ARGS)

clean: ## removes what was built and installed
	rm -rf .tools .local .aws-sam

# SAM CLI and MiniStack. Installed again if the list or the interpreter changes, which takes half a minute.
tools:
	@.ci/venv $(PYTHON) $(VENV) cmd/local/requirements.txt

chromium:
	@PYTHON=$(PYTHON) .ci/browser .tools/axe-core-4.14.1

# This project's build flags are not for tools.
$(GOLANGCI_LINT):
	@GOFLAGS= GOBIN=$(BIN) $(STEP) "installing golangci-lint" \
	  go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 && mv $(BIN)/golangci-lint $@

$(GOVULNCHECK):
	@GOFLAGS= GOBIN=$(BIN) $(STEP) "installing govulncheck" go install golang.org/x/vuln/cmd/govulncheck@v1.9.0 && mv $(BIN)/govulncheck $@
