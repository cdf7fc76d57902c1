# Everything a person does with a clone. Nothing here is needed to run what `pip` installed.

VENV := .venv
BIN := $(VENV)/bin
CODE := benchmarks bots brain config demo integrations tests tools workers
EXTRAS := litellm slack teams discord celery weaviate ocr otel
# Tried by running them, as a name alone may be an empty shim. `make PYTHON=/path/to/python3.12 setup` overrides.
PROBE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$name" -c '$(PROBE)' 2>/dev/null && echo "$$name" && break; done)

# Where bytecode is not kept, each of the many processes that tests start would compile the whole product again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev $(EXTRAS:%=setup-%) up demo-slack test test-service fuzz check format lock clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  make setup-X       add an extra to .venv, X one of: $(EXTRAS)"

setup: $(VENV)/.base ## build .venv with `expert` in it
setup-dev: $(VENV)/.dev ## the same, with what tests and checks need
$(EXTRAS:%=setup-%): setup-%: $(VENV)/.base $(VENV)/.%

up: setup ## set up, then start The Expert with its demo; Ctrl-C stops it
	@exec $(BIN)/expert up

demo-slack: setup setup-slack ## play a conversation on Slack, without an account: what each person sees
	@$(BIN)/python -m demo.slack_loop

# Several processes share the tests out by file, each with a PostgreSQL of its own; `make test PROCESSES=0` uses one.
PROCESSES ?= logical
PYTEST := $(BIN)/python -m pytest
SHARED := -n $(PROCESSES) --maxprocesses=4 --dist=loadfile
# Measuring doubles what Python takes, so only what shows the brain is measured: all but Slack, and real processes.
SERVICE := tests/service
SLACK := tests/contract/chat_platform tests/contract/slack tests/contract/slack_install tests/flow/slack \
	$(wildcard tests/unit/test_*slack*.py) tests/unit/test_rich_text.py
COVERAGE := --cov --cov-report=term:skip-covered --cov-fail-under=85

test: setup-dev ## run every test, with the coverage of the brain
	@failed=0; $(PYTEST) $(SHARED) $(COVERAGE) $(addprefix --ignore=,$(SLACK) $(SERVICE)) || failed=1; \
	$(PYTEST) $(SHARED) $(SLACK) || failed=1; \
	$(PYTEST) $(SERVICE) || failed=1; exit $$failed

test-service: setup-dev ## run the tests of real processes: crashes, restarts, load
	@$(PYTEST) $(SERVICE)

soak: setup-dev ## kill the product fifty times at each crash point, Redis and PostgreSQL at full size: some hours
	EXPERT_CRASHES=50 EXPERT_SLACK_KILLS=200 EXPERT_BROKER_TASKS=1000 EXPERT_OUTAGE_S=180 \
		$(BIN)/python -m pytest -q -s tests/service/test_crash_points.py tests/service/test_slack_killed.py \
		tests/service/test_broker.py tests/service/test_database_away.py

fuzz: setup-dev ## schemathesis against the whole API for some ten minutes, differently each time
	EXPERT_FUZZ_EXAMPLES=60 $(BIN)/python -m pytest -q tests/contract/test_openapi.py

check: setup-dev ## format, lint, types, import rules, sizes, docs, then every test
	$(BIN)/python -m pip check
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python -m tools.check_sizes
	$(BIN)/python -m tools.check_docs
	@$(MAKE) --no-print-directory test

format: setup-dev ## format the code, and mend what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# One resolution of everything first: the locks agree, so that any of them can be installed together.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links
lock: setup-dev ## renew requirements/*.txt
	@rm -rf build/lock && mkdir -p build/lock requirements
	$(COMPILE) --upgrade --all-extras --group build --group dev -o build/lock/all.txt
	$(COMPILE) -c build/lock/all.txt --group build -o requirements/base.txt
	$(COMPILE) -c build/lock/all.txt --group build --group dev --extra litellm --extra weaviate \
		--extra slack --extra ocr --extra celery --extra otel -o requirements/dev.txt
	@set -e; for extra in $(EXTRAS); do echo "requirements/$$extra.txt"; \
		$(COMPILE) -c build/lock/all.txt --group build --extra $$extra -o requirements/$$extra.txt; done
	@! grep -nE '://|index-url|find-links|^-e|file:' requirements/*.txt || \
		{ echo "a lock file names a host or a path: see above"; exit 1; }

clean: ## remove .venv and every cache; your data in .expert stays
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@chosen="$(PYTHON)"; "$${chosen:-false}" -c '$(PROBE)' || { \
		echo "Python 3.11 or newer with its venv module is needed; $${chosen:-nothing found} is not that."; \
		echo "On Debian and Ubuntu: apt install python3-venv. Elsewhere: make PYTHON=/path/to/python3.12"; exit 1; }; \
	"$$chosen" -m venv $(VENV)

# A lock is complete, so pip need not look for dependencies; with hashes, some versions of it trip over extras there.
PIP := -qq --disable-pip-version-check --no-deps
$(addprefix $(VENV)/.,base dev $(EXTRAS)): $(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what requirements/$*.txt names (the first time, about a minute)"
	@$(BIN)/python -m pip install $(PIP) --require-hashes --only-binary :all: -r $<
	@$(BIN)/python -m pip install $(PIP) --no-build-isolation --editable .
	@touch $@
