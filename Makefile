# Everything a developer or CI runs. `make` alone lists the targets.

PORT ?= 8000
# Whole, because `run` puts the environment's own python3 first in the PATH.
PYTHON := $(or $(PYTHON),$(shell command -v python3))
POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres
# More arguments for pytest: make test ARGS="-k lease"
ARGS ?=
MINUTES ?= 2

VENV = .venv
BIN = $(VENV)/bin
MANAGE = $(BIN)/python manage.py
PYTEST = $(BIN)/pytest -q
TEMPLATES = $(shell find templates -name '*.html')

# Fails, and says why, unless a PostgreSQL lets us in.
ASK_POSTGRES = $(BIN)/python -c \
    'import psycopg; psycopg.connect("$(POSTGRES_URL)", connect_timeout=2).close()'

.PHONY: help setup run test screenshots bench soak check format clean
.NOTPARALLEL:

help: ## list the targets
	@echo "Usage: make <target>"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.up-to-date ## install everything into .venv (the other targets do it for you)

# Rebuilt from nothing when a version changes, so that nothing of the old set stays behind. The pip
# at hand fills it: Debian's Python has no second one to put inside.
$(VENV)/.up-to-date: pyproject.toml constraints.txt
	@echo "Installing into $(VENV), which takes a minute ..."
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install -qq --disable-pip-version-check \
	    -c constraints.txt -e '.[dev]'
	@touch $@

# The processes of the Procfile name no folder: they find the environment by PATH. The shell waits
# beside honcho to answer Ctrl-C and kill alike: honcho stops what it started, and make does not
# call that an error. `.env` stays unread, because migrate and demo would not see it.
# Demo data, with its well-known passwords, goes to no database but the local file.
run: LOCAL = env -u DATABASE_URL
run: export PATH := $(CURDIR)/$(BIN):$(PATH)
run: export PORT := $(PORT)
run: export PROVENA_BANNER := 1
run: setup ## start web and worker with demo data: http://127.0.0.1:8000, or PORT=...
	@$(LOCAL) $(MANAGE) migrate --verbosity 0
	@$(LOCAL) $(MANAGE) collectstatic --noinput --verbosity 0
	@$(LOCAL) $(MANAGE) demo
	@$(LOCAL) honcho --no-prefix --env /dev/null start & honcho=$$!; \
	trap 'kill $$honcho; wait $$honcho; exit 0' INT TERM; \
	wait $$honcho

# Side by side, because each suite waits for its processes much of the time. What one of them says
# is kept until the other has ended, so that both can be read.
test: setup ## run all tests on SQLite and, if one answers at POSTGRES_URL, on PostgreSQL beside it
	@told=$$(mktemp); trap 'rm -f $$told' EXIT; \
	trap 'kill $$postgres 2>/dev/null; exit 130' INT TERM; \
	if reason=$$($(ASK_POSTGRES) 2>&1); then \
	    DATABASE_URL='$(POSTGRES_URL)' $(PYTEST) -p no:cacheprovider -m "not browser" $(ARGS) \
	        >$$told 2>&1 & postgres=$$!; \
	else \
	    postgres=; \
	    { echo "LEFT OUT, none answers at POSTGRES_URL:"; \
	    echo "$$reason" | grep psycopg.OperationalError || echo "$$reason"; } >$$told; \
	    test "$$REQUIRE_ALL" != 1 || { cat $$told; echo "REQUIRE_ALL=1 makes that a failure."; exit 1; }; \
	fi; \
	echo "== Tests on SQLite"; \
	env -u DATABASE_URL $(PYTEST) $(ARGS); on_sqlite=$$?; \
	on_postgres=0; test -z "$$postgres" || { wait $$postgres; on_postgres=$$?; }; \
	echo "== Tests on PostgreSQL"; cat $$told; \
	exit $$((on_sqlite || on_postgres))

screenshots: setup ## a picture of every page in var/screenshots: make screenshots ARGS="--only job"
	@$(BIN)/python -m tests.screenshots $(ARGS)

bench: setup ## measure the jobs engine against others: make bench ARGS="--quick"
	@POSTGRES_URL='$(POSTGRES_URL)' $(BIN)/python -m benchmarks $(ARGS)

soak: setup ## kill processes at random and look for losses: make soak MINUTES=10 DATABASE_URL=...
	@$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

check: setup ## check format, lint, types, layers, migrations, settings and templates
	@echo "== Format (ruff)"
	@$(BIN)/ruff format --check .
	@echo "== Lint (ruff)"
	@$(BIN)/ruff check .
	@echo "== Types (mypy)"
	@$(BIN)/mypy provena jobs registry tests benchmarks examples/tides
	@echo "== Layers (import-linter)"
	@$(BIN)/lint-imports --no-logo
	@echo "== Migrations"
	@$(MANAGE) makemigrations --check --dry-run
	@echo "== Settings (django)"
	@$(MANAGE) check --fail-level WARNING
	@echo "== Templates (djade)"
	@$(BIN)/djade --check $(TEMPLATES)

format: setup ## format code and templates, and mend what lint can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/djade $(TEMPLATES)

clean: ## remove .venv and caches; data in var/ stays
	rm -rf $(VENV) *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./var -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
