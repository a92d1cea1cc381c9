# Every target sets up what it needs. PYTHON=... chooses the interpreter of a new .venv.

VENV := .venv
BIN := $(VENV)/bin
CTEST := $(MAKE) --no-print-directory -C csrc/tests
CORE := $(wildcard csrc/*.c csrc/*.h csrc/python/*.c csrc/ffi_build.py)
PYTEST_ARGS ?=

# The environment works for the project alone, whatever the caller's shell has active.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test ctest lint format asan tsan bench bench-peers dist clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.test $(VENV)/.lint ## make .venv: fastbatch, editable and with its native core, and the tools

demo: $(VENV)/.package ## run the main job end to end against the embedded collector
	$(BIN)/fastbatch demo

test: $(VENV)/.test ctest ## run all tests: the core's in C, then Python's on the pure and on the native backend
	FASTBATCH_BACKEND=pure $(BIN)/pytest -q -m "not packaging and not lint" $(PYTEST_ARGS)
	$(BIN)/pytest $(PYTEST_ARGS)

ctest: ## run the core's tests, which need a C compiler alone
	$(CTEST) test

lint: $(VENV)/.test $(VENV)/.lint ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/.lint ## rewrite what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

asan: ## run the core's tests with the address and undefined-behaviour sanitizers
	$(CTEST) asan

tsan: ## run the core's stress bodies with the thread sanitizer
	$(CTEST) tsan

bench: $(VENV)/.bench ## measure: cost of an event, throughput, latency
	$(BIN)/pytest -q $(PYTEST_ARGS) bench/bench_*.py
	$(BIN)/python bench/overhead.py

bench-peers: $(VENV)/.bench ## measure side by side with the vendors' clients
	$(BIN)/python bench/peers.py

dist: $(VENV)/.test ## build the sdist and the wheels, native and pure, into dist/
	rm -rf dist
	$(BIN)/python -m build
	FASTBATCH_BACKEND=pure $(BIN)/python -m build --wheel

clean: ## delete everything that can be made again
	$(CTEST) clean || true
	rm -rf $(VENV) build dist src/*.egg-info src/fastbatch/core/_*.so .*_cache .benchmarks .hypothesis
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.made: scripts/venv.sh
	scripts/venv.sh $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	@touch $@

# The old core goes first: a failed compilation must not leave it behind.
$(VENV)/.package: $(VENV)/.made pyproject.toml setup.py $(CORE)
	rm -rf build src/fastbatch/core/_*.so
	$(BIN)/python -m pip install -q -e ".[cli]"
	@$(BIN)/python -c "from fastbatch.core import BACKEND; print(f'fastbatch: the {BACKEND} backend')"
	@touch $@

$(VENV)/.test $(VENV)/.lint: $(VENV)/.%: $(VENV)/.package pyproject.toml
	$(BIN)/python -m pip install -q --group $*
	@touch $@

$(VENV)/.bench: $(VENV)/.test bench/requirements.txt
	$(BIN)/python -m pip install -q -r bench/requirements.txt
	@touch $@
