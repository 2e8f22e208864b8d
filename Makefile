# make demo   the main job on real data          make lint   ruff, mypy, import contracts
# make saas   the same on a simulated SaaS company
# make test   all tests, make proofs in full     make bench  the benchmark (BENCH_ARGS="--sizes 2m ...")
# make dist   wheel and --py-files zip           make lock   resolve dependencies again
PYTHON ?= python3
# Two processes, each with a session of its own: most of a test is waiting for small jobs.
TEST_WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install -q --disable-pip-version-check
# A run and its report need less than the tests and checks do.
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready

.PHONY: setup demo saas test proofs lint bench dist lock clean
setup: $(READY)

$(RUNS): requirements/build.lock requirements/run.lock pyproject.toml setup.py scripts/ensure-java.sh
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "rfm-spark needs Python 3.10 or newer: make setup PYTHON=python3.11"; exit 2; }
	@sh scripts/ensure-java.sh
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "no venv module: install it (Debian or Ubuntu: apt-get install python3-venv)"; exit 2; }
	@echo "installing what a run and its report need"
	@$(PIP) --require-hashes -r requirements/build.lock
	@$(PIP) --require-hashes --no-build-isolation -r requirements/run.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@echo "fetching the Delta jars, and noting the classes that a run loads"
	@$(BIN)/rfm-spark doctor --prepare
	@touch $@

$(READY): $(RUNS) requirements/dev.lock
	@echo "installing what tests and checks need"
	@$(PIP) --require-hashes --no-build-isolation -r requirements/dev.lock
	@touch $@

demo: $(RUNS)
	@$(BIN)/rfm-spark demo

saas: $(RUNS)
	@$(BIN)/rfm-spark demo --saas

test: setup
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

# The same tests at their full size: twenty kills, twelve months, several executors, compiled plans.
proofs: setup
	RFM_SPARK_PROOFS=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks.run_benchmark $(BENCH_ARGS)

dist: setup
	rm -rf build dist
	$(BIN)/python -m build -q --no-isolation --wheel
	$(BIN)/python scripts/build_zip.py dist/rfm_spark.zip

# Needs uv; the lock files hold hashes and no addresses.
lock:
	uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links requirements/build.in -o requirements/build.lock
	uv pip compile -q --universal --python-version 3.10 --generate-hashes --all-extras --no-header --no-emit-index-url \
		--no-emit-find-links pyproject.toml -o requirements/dev.lock
	uv pip compile -q --universal --python-version 3.10 --generate-hashes --extra local --extra cli --extra report \
		--extra demo --no-header --no-emit-index-url --no-emit-find-links pyproject.toml \
		-c requirements/dev.lock -o requirements/run.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
