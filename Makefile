SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help
help: ## List the targets and what each is for
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment is rebuilt when the lock or the package list changes. --require-hashes refuses whatever
# the lock does not name; the project itself comes last, built with the locked hatchling.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "vcenter-source needs Python 3.11 or later; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: setup
setup: $(READY) ## Make .venv with everything the other targets need

.PHONY: demo
demo: $(READY) ## A resource pool is created and tagged, with one trace of the way (KEEP=1 stays up, RATE=5 fills the page, PROTOCOL=json)
	@$(BIN)/python -m demo $(if $(filter-out 0,$(KEEP)),--keep) $(if $(RATE),--rate $(RATE)) $(if $(PROTOCOL),--protocol $(PROTOCOL))

.PHONY: demo-film
demo-film: $(READY) ## Record make demo for the README, as docs/pictures/demo.svg
	@$(BIN)/python -m docs.tools.recording

.PHONY: demo-openfaas
demo-openfaas: $(READY) ## The same through an OpenFaaS gateway, with pytag as a function (KEEP=1 stays up)
	@$(BIN)/python -m demo --openfaas $(if $(filter-out 0,$(KEEP)),--keep) $(if $(RATE),--rate $(RATE))

.PHONY: demo-many
demo-many: $(READY) ## Three vCenters, shared by two adapters of which one is killed; each new pool gets its tag
	@$(BIN)/python -m demo --many

# Bytecode is written whatever the environment says: without it each worker compiles all tests anew, and each process
# all of our modules, which is a third of the time.
.PHONY: test
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY) ## Run the tests, six at a time, since much of their time is spent waiting
	@$(BIN)/python -m pytest -n 6 --dist worksteal

.PHONY: check
check: $(READY) ## Lint, types, layers, each program's dependencies, the docs' links, and how many Python calls an event costs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry adapter functions/vcenter_functions/net functions/vcenter_functions/otel \
		--known-first-party vcenter_functions --optional-dependencies-dev-groups archive,functions,simulator \
		--per-rule-ignores DEP003=google # protobuf comes with the exporter of spans
	@cd functions && $(abspath $(BIN))/deptry . --requirements-files requirements.txt \
		--per-rule-ignores DEP003=google\|pytest\|vcenter_simulator # where functions are tested, who tests brings these
	@$(BIN)/deptry simulator --ignore DEP002 # what the other programs need
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@$(BIN)/python -m bench.calls

.PHONY: docs
docs: $(READY) ## Write docs/settings.md, the tables of functions/*/README.md and config/functions from the code, the pictures from their texts, and build the docs as a site into site/
	@$(BIN)/python -m docs.tools.settings
	@$(BIN)/python -m docs.tools.function_manifests
	@$(BIN)/python -m docs.tools.pictures
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "site/index.html; or with a server: $(BIN)/mkdocs serve"

.PHONY: format
format: $(READY) ## Let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: coverage
coverage: $(READY) ## Run the tests and print which lines they miss
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

.PHONY: conformance
conformance: $(READY) ## Test against programs of others: vcsim (found, or built with go), govc, kube-apiserver, vim_rs (VIM_RS=1 builds it); ONLY=vim_rs, say
	@$(BIN)/python -m pytest tests/conformance -m conformance -p no:xdist $(if $(ONLY),-k $(ONLY))

.PHONY: test-ui
test-ui: $(READY) ## Test the event viewer in a browser (Chromium on PATH, or named in CHROMIUM)
	@$(BIN)/python -m pytest tests/ui -m ui -p no:xdist

.PHONY: guarantees
guarantees: $(READY) ## Prove the guarantees at length: 200 kills, long outages, a model of the whole pipeline
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m guarantees

.PHONY: bench
bench: $(READY) ## Measure speed, memory and delays; also of the peers PEER_VSPHERESOURCE and PEER_EVENT_ROUTER (QUICK=1, ONLY=drain)
	@$(BIN)/python -m bench $(if $(filter-out 0,$(QUICK)),--quick) $(ONLY)

.PHONY: bench-png
bench-png: $(READY) ## The plots of the last make bench as PNG (needs a Chromium)
	@$(BIN)/python -m bench.png

.PHONY: bench-memory
bench-memory: $(READY) ## The adapter's peak memory: sink down for an hour, 100,000 events waiting (over a minute)
	@$(BIN)/python -m bench.memory

# The tool that writes the bill of materials has an environment of its own: nothing else needs what it needs.
RELEASE_VENV := $(VENV)-release
$(RELEASE_VENV)/.ready: requirements-release.lock
	@$(PYTHON) -m venv $(RELEASE_VENV)
	@$(RELEASE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-release.lock
	@touch $@

.PHONY: release
release: $(READY) $(RELEASE_VENV)/.ready ## Set VERSION=x.y.z, and write into dist/ what is published of it (REGISTRY=ghcr.io/team)
	@$(BIN)/python -m release --bill-tool $(RELEASE_VENV)/bin/cyclonedx-py '--registry=$(REGISTRY)' '--digests=$(DIGESTS)' -- '$(VERSION)'

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
.PHONY: lock
lock: ## Resolve the dependencies anew (needs uv)
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) --constraint requirements.lock functions/requirements.txt -o functions/requirements.lock
	@$(LOCK) --constraint requirements.lock --constraint functions/requirements.lock \
		--extra archive --extra functions --extra grpc --extra simulator --group dev pyproject.toml -o requirements-dev.lock
	@$(LOCK) --group pyproject.toml:release -o requirements-release.lock

.PHONY: clean
clean: ## Remove the environment and what the tools left
	@rm -rf $(VENV) $(RELEASE_VENV) .venv-newest dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache site
