# Two commands are enough: make run, make test. PORT, DATABASE_URL and the other settings come from the environment
# or from .env; PYTHON chooses the Python that .venv is made with.

PYTHON ?= python3
VENV := .venv/bin/python
CATALOGS := $(patsubst %.po,%.mo,$(wildcard translations/*/LC_MESSAGES/messages.po))
CHECK_TESTS := $(wildcard tests/test_architecture.py tests/test_migrations.py tests/test_docs.py tests/test_deploy.py tests/api/test_openapi.py)
TEMPLATE := .data/messages.pot

.DEFAULT_GOAL := help
.PHONY: help run test check format translations lock bench setup clean

# python -m webapp.development, but Ctrl-C ends it without a traceback while it is still loading.
LAUNCH = import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); \
	from webapp.development.launcher import main; raise SystemExit(main())

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

run: setup $(CATALOGS) ## Start everything on http://127.0.0.1:8000 (PORT chooses another port)
	@exec $(VENV) -c "$(LAUNCH)"

test: setup $(CATALOGS) ## Run the whole test suite (ARGS="-k name" for a part of it)
	@$(VENV) -m pytest -n auto $(if $(ARGS),$(ARGS),--cov)

check: setup $(CATALOGS) ## Formatting, lint, types, security (ruff S), templates, architecture, translations
	$(VENV) -m ruff format --check .
	$(VENV) -m ruff check .
	$(VENV) -m mypy
	$(VENV) -m djlint templates --lint --quiet
	$(VENV) -m pytest -q -n auto $(CHECK_TESTS)
	@mkdir -p .data
	$(VENV) -m babel.messages.frontend -q extract --no-location -F pyproject.toml -k _l -k lazy_gettext -o $(TEMPLATE) .
	$(VENV) -m babel.messages.frontend update --check -N --ignore-pot-creation-date -i $(TEMPLATE) -d translations

format: setup ## Format the Python code
	@$(VENV) -m ruff check --fix --quiet .; $(VENV) -m ruff format .

translations: setup ## Bring the texts of the pages into translations/ for translating
	@mkdir -p .data
	@$(VENV) -m babel.messages.frontend -q extract --no-location -F pyproject.toml -k _l -k lazy_gettext -o $(TEMPLATE) .
	@$(VENV) -m babel.messages.frontend -q update -N -i $(TEMPLATE) -d translations

# Keeps the locked versions that still fit pyproject.toml; UPGRADE=1 takes the newest. Extras stay in the names, or
# installers would look at a newer release of coverage[toml] than the one that is locked, and refuse it.
LOCK = $(VENV) -m uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
lock: setup ## Write requirements.txt and requirements-dev.txt from pyproject.toml (UPGRADE=1: newest versions)
	@$(LOCK) --output-file requirements.txt
	@$(LOCK) --group dev --constraint requirements.txt --output-file requirements-dev.txt

bench: setup $(CATALOGS) ## Measure (NAME=bank_storm, floor, request_cost, export, worker, memory, flat, migrating ...); bench/README.md lists them
	@$(VENV) -m bench.$(or $(NAME),bank_storm) $(ARGS)

setup: ## Make .venv and install the dependencies, when needed
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON): install Python 3.11 or newer." >&2; exit 1; }
	@"$(PYTHON)" webapp/development/environment.py

clean: ## Remove .venv and the caches, but no data
	@rm -rf .venv .venv.lock .mypy_cache .pytest_cache .ruff_cache .coverage htmlcov

# Order-only: a new environment is no reason to compile again.
%.mo: %.po | setup
	@$(VENV) -m babel.messages.frontend -q compile -i $< -o $@
