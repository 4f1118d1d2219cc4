# Every verb sets up .venv by itself; a fresh machine needs Python 3.11 or newer, pip, make and git.
#
#   make demo    the whole thing on your machine: a pretend Airmeet, 2,000 people, a report
#   make quick   the tests without a process, a socket or a wait, in seconds; ARGS="-k pace" for some of them
#   make test    all tests, two to three minutes
#   make floors  the quick tests with the oldest versions that the package says it works with
#   make check   lint, format and types
#   make torture stop a run, go on in every order, and see that nobody is mailed twice; then kill a run two hundred
#                times, and see that nobody is lost (ten to fifteen minutes)
#   make bench   the benchmarks, an hour; ARGS=--quick for a minute. As root it installs nginx
#   make docs    check the links and the examples in the documentation, and build its site into build/site, offline
#   make session record the terminal session and the pictures in docs/, from a real run
#   make lock    write requirements/*.txt anew
#   make clean   remove what the other verbs made
#
# Another Python: make test PYTHON=python3.12   (after `make clean`, if .venv is there already)

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
BENCH_STAMP := $(VENV)/.ready-bench
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo quick test floors check torture bench docs session lock clean

help:
	@sed -n 's/^#   \(make \)/  \1/p' $(firstword $(MAKEFILE_LIST))

demo: $(STAMP)
	@$(BIN)/airmeet demo $(ARGS)

quick: $(STAMP)
	@$(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

test: $(STAMP)
	@$(BIN)/python -m pytest -n auto $(ARGS)

floors: build/floors/.ready
	@build/floors/bin/python -m pytest -n auto -m "not slow" $(ARGS)

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes airmeet_async --ignoreexternal

torture: $(STAMP)
	@$(BIN)/python -m tests.torture.double_mail
	@$(BIN)/python -m tests.torture.kills --kills 200 --rows 2000 --seed 1 $(ARGS)

bench: $(STAMP) $(BENCH_STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP)
	@$(BIN)/python -m tests.documents
	@$(BIN)/python -m docs.build

session: $(STAMP)
	@$(BIN)/python -m docs.record

# Hashed and without addresses: whoever installs from it decides on the package index.
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet \
        --custom-compile-command "make lock" $(ARGS)

lock:
	@echo "resolving requirements/*.txt (make lock ARGS=--upgrade for newer versions)..."
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@build/lock/bin/uv pip compile pyproject.toml $(LOCK) --all-extras --group dev -o requirements/dev.txt
	@build/lock/bin/uv pip compile pyproject.toml $(LOCK) -c requirements/dev.txt -o requirements/core.txt
	@build/lock/bin/uv pip compile pyproject.toml $(LOCK) --all-extras --group test --resolution lowest-direct \
	    -o requirements/floors.txt
	@build/lock/bin/uv pip compile $(LOCK) --group bench -c requirements/dev.txt -o requirements/bench.txt
	@build/lock/bin/uv pip compile $(LOCK) --group lock -o requirements/lock.txt

clean:
	@rm -rf $(VENV) build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-results.csv* demo-report.html*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "airmeet-async needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1 | grep Python || echo not installed)." >&2; \
	    echo "Name another one, for example: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12" >&2; exit 1; }
	@echo "setting up $(VENV) (once, about a minute)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

build/floors/.ready: requirements/floors.txt pyproject.toml
	@echo "setting up build/floors with the oldest versions (once, about a minute)..."
	@$(PYTHON) -m venv build/floors
	@build/floors/bin/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes \
	    -r requirements/floors.txt
	@build/floors/bin/python -m pip install -qq --no-compile --disable-pip-version-check --no-deps -e .
	@touch $@

$(BENCH_STAMP): requirements/bench.txt $(STAMP)
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@
