# Everything runs from .venv, which `make setup` fills from requirements.lock.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo up test connectors check bench soak mutants lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(BIN)/crmsync ## Install into .venv what requirements.lock names

demo: setup ## Show the whole sync on two simulated CRMs (STAY=1 leaves it running)
	$(BIN)/crmsync demo $(if $(STAY),--stay)

up: setup ## Run web, worker, io and flower on this machine, from .env and config/
	$(BIN)/crmsync up

test: setup ## Run the test suite on two cores
	$(BIN)/pytest -n 2 --dist loadgroup

connectors: setup ## Let programs that others wrote read the simulators (installs them into var/connectors)
	$(BIN)/python -m tests.connectors

check: setup ## Lint, format, types, import contracts, lock in step with pyproject.toml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_lock.py

bench: setup ## Measure speed and memory beside their ceilings, in one table
	$(BIN)/python -m bench

soak: setup ## Run the long chaos tests
	$(BIN)/pytest -m soak --timeout 7200

# A mirror of one's own stays out of the locks: only PyPI's versions and hashes go in.
# requirements.lock serves whoever works on the project, deploy/requirements.lock the image.
PIP_COMPILE = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --no-config \
	--generate-hashes --allow-unsafe --strip-extras --no-emit-options

mutants: setup ## Change what decides in a thousand ways, and list the changes that no test notices (hours)
	$(BIN)/mutmut run || true
	$(BIN)/mutmut results

lock: setup ## Resolve pyproject.toml into the lock files (UPGRADE=1 takes the latest)
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) --extra dev --output-file requirements.lock pyproject.toml
	$(PIP_COMPILE) --build-deps-for wheel --constraint requirements.lock \
		--output-file deploy/requirements.lock pyproject.toml

clean: ## Remove .venv, caches and build leftovers (var/ with its data stays)
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("crmsync needs Python 3.11 or later: make setup PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv

.venv/installed.lock: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	cp requirements.lock $@

$(BIN)/crmsync: .venv/installed.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . 2>/dev/null \
		|| $(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@
