# make run    a server on the embedded defaults (PORT=, WORKERS=, DATA_DIR= override); prints the psql line
# make test   all tests (make test PYTHON=python3.13 for another interpreter, TESTS=tests/wire for a part, JOBS=1 for one test at a time)
# make lint   ruff, mypy --strict, cython-lint, import-linter
# make bench  the figures of docs/performance.md, with a real PostgreSQL beside the server (BENCH="bulk --quick")
# make storm  ten minutes of load with a takeover every ten seconds and a roll every minute (DURATION= in seconds, STORM="--help")
# make suites SUITE=psycopg   a third party's own tests against a server of their own (psycopg2, asyncpg, pg8000, libpq_pipeline; ARGS="--help")
# make wheel  build the wheel, install it into an empty environment, check that twistd knows the plugin

PYTHON ?= python3
VENV ?= $(if $(filter file default,$(origin PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin

PORT ?= 5432
WORKERS ?= 2
DATA_DIR ?= data
TESTS ?= tests
# Live tests wait for processes as much as they compute; each file keeps to one of these, with the servers that it shares.
JOBS ?= 2
BENCH ?=
DURATION ?= 600
STORM ?=
SUITE ?= psycopg
ARGS ?=

NATIVE := $(wildcard duckgres_tx/engine/*.pyx duckgres_tx/engine/*.pxd duckgres_tx/engine/*.pxi duckgres_tx/engine/*.h)

.PHONY: run test lint bench storm suites wheel clean

run: $(VENV)/.stamp-run
	$(BIN)/twistd -n --pidfile= duckgres --port $(PORT) --workers $(WORKERS) --data-dir $(DATA_DIR)

test: $(VENV)/.stamp-test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TESTS)

lint: $(VENV)/.stamp-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" cython-lint duckgres_tx
	$(BIN)/lint-imports

bench: $(VENV)/.stamp-test
	$(BIN)/python -m benchmarks $(BENCH)

storm: $(VENV)/.stamp-test
	$(BIN)/python -m storm --duration $(DURATION) $(STORM)

suites: $(VENV)/.stamp-test
	PYTHONPATH=.:tests:tests/live $(BIN)/python -m suites.run $(SUITE) $(ARGS)

wheel: $(VENV)/.stamp-run
	rm -rf dist build/wheel-check
	$(BIN)/pip wheel -q --no-deps -w dist .
	$(PYTHON) -m venv build/wheel-check
	build/wheel-check/bin/pip install -q dist/*.whl
	cd build && wheel-check/bin/twistd --help | grep duckgres

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The plugin is visible to twistd from a wheel and from this kind of editable install only.
$(VENV)/.stamp-run: $(VENV)/bin/python setup.py setup.cfg pyproject.toml $(NATIVE)
	$(BIN)/pip install -q --config-settings editable_mode=compat -e .
	touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-run
	$(BIN)/pip install -q --config-settings editable_mode=compat -e '.[test]'
	touch $@

$(VENV)/.stamp-lint: $(VENV)/.stamp-test
	$(BIN)/pip install -q --config-settings editable_mode=compat -e '.[test,lint]'
	touch $@

clean:
	rm -rf build dist *.egg-info .venv .venv-* duckgres_tx/engine/*.so duckgres_tx/engine/*.c
