# Every target sets itself up: Python 3.11 and make are all that is needed.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
SEED ?= $(shell date +%Y%m%d)
# Compiled modules are kept, so that no process compiles them again.
unexport PYTHONDONTWRITEBYTECODE
# uv takes a quarter of the time, as what is never imported is not compiled; where packages come from a place that only pip's configuration names, pip has them.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python $(1) 2>/dev/null || \
	$(BIN)/pip install --quiet --disable-pip-version-check $(1)

.PHONY: help setup demo serve test quick explore parity verdicts attack coverage bench lint format lock clean

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

setup: $(VENV)/.compiled ## install everything into .venv, and compile the engine

$(VENV)/.installed: requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements-dev.txt)"
	@$(call install,-r requirements.txt -r requirements-dev.txt)
	@touch $@

$(VENV)/.compiled: $(VENV)/.installed $(wildcard Backtest/kernel/*.py)
	@$(BIN)/python -m Backtest.kernel
	@touch $@

demo: setup ## a sentence in; strategy, trades, figures and a report out
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py backtest "Buy GOOG when RSI(14) is below 40 and the close is above the 200-day moving average. Sell when RSI is above 70. Stop loss 8%."

serve: setup ## migrate, compile the engine, and start web server and worker at http://127.0.0.1:$(PORT)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python -m Backtest.kernel
	@UVICORN_PORT=$(PORT) exec $(BIN)/python -m algoagent_api.serve

test: setup ## run all tests
	@tests/packages.sh
	@$(BIN)/python -m pytest

quick: setup ## what to run before a commit, under a minute: ruff, the meaning of trades and figures, words, the API's main job
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@PARITY_EXAMPLES=40 FUZZ_TEXTS=200 $(BIN)/python -m pytest tests/Backtest/test_meaning.py tests/Backtest/test_figures.py \
		tests/Backtest/test_hand_written.py tests/Backtest/test_indicators.py tests/Backtest/test_kernel.py tests/Backtest/test_audit.py \
		tests/Backtest/test_importing.py tests/Strategy/test_corpus.py tests/Strategy/test_text_parser.py tests/api/test_backtests.py

explore: setup ## every night: fuzz, properties and parity with the seed of the day (SEED changes it), which `make test` has no time for
	@HYPOTHESIS_PROFILE=explore FUZZ_SEED=$(SEED) FUZZ_TEXTS=5000 PARITY_SEED=$(SEED) PARITY_EXAMPLES=2000 $(BIN)/python -m pytest --hypothesis-seed=$(SEED) \
		tests/Strategy/test_fuzz.py tests/Strategy/test_properties.py tests/Strategy/test_edits.py tests/Backtest/test_kernel.py \
		tests/Backtest/test_decision.py tests/Backtest/test_conditions.py tests/Backtest/test_explain.py tests/Backtest/test_satisfiability.py \
		tests/Backtest/test_sessions.py tests/Backtest/test_audit.py tests/Backtest/test_code_check.py tests/Backtest/test_code_generator.py \
		tests/Backtest/test_importing_questions.py tests/Backtest/test_orders_kernel.py tests/Backtest/test_orders_code.py \
		tests/Backtest/test_orders_border.py tests/oracle/test_properties.py tests/Strategy/test_notation.py tests/lookahead

parity: setup ## 5,000 random strategies through the compiled engine and backtesting.py: the same trades, the same figures
	@PARITY_EXAMPLES=5000 $(BIN)/python -m pytest tests/Backtest/test_kernel.py -k parity -n 2 --dist load

verdicts: setup ## 100 random walks and 100 planted edges: what the verdict says of each
	@VERDICT_SEEDS=100 $(BIN)/python -m pytest tests/Backtest/test_search.py -k known_answers -n 2 --dist load

attack: setup ## everything that is tried against the system (escapes, forgeries, bombs, fairness, doors), and what held
	@tests/packages.sh
	@SCHEMA_EXAMPLES=3 $(BIN)/python -m tests.attack

coverage: setup ## run all tests and show the lines none of them runs
	@tests/packages.sh
	@$(BIN)/python -m pytest --cov --cov-report=term-missing

bench: setup ## what is fast, as ratios against plain backtesting.py, Backtest.optimize and vectorbt
	@$(call install,-r requirements-bench.txt)
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.engine
	@$(BIN)/python -m bench.load
	@$(BIN)/python -m bench.fairness

lint: $(VENV)/.installed ## ruff, format check, mypy, import-linter, drift of migrations and schema, known weaknesses of packages
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py export_schema --check Backtest/canonical_schema.json
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	@$(BIN)/python .ci/audit.py

format: $(VENV)/.installed ## let ruff format and fix
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

lock: $(VENV)/.installed ## compile the pinned requirements from the .in files
	@$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --no-header requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --no-header requirements-bench.in -o requirements-bench.txt

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
