# `make` sets everything up and starts RiffBot; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Every job here is one process among others on the machine: two threads in two libraries fight.
export PYTHONUNBUFFERED := 1
# Two files of tests at a time; a file's tests share what is dear to make (models, servers).
TWO := -n 2 --dist loadfile

.DEFAULT_GOAL := start
PAGE := riffbot/web/built/.tried
.PHONY: start setup web test test-all lint format chaos fuzz licences docs dist bench help clean

start: setup ## set up if needed, then start the bot (the local Discord without a token)
	@$(BIN)/riffbot

setup: $(STAMP) $(PAGE) ## make .venv and install everything that is pinned in constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "RiffBot needs Python 3.11 or newer; set PYTHON=python3.12, for example."; exit 1; }
	@echo "1/3  making $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	@echo "2/3  installing PyTorch (the largest part: 200 MB for the CPU build, more with CUDA)"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -c constraints.txt torch
	@echo "3/3  installing RiffBot and its libraries"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,docs,postgres,training]"
	@touch $@
	@echo "ready. Next time \`make\` starts at once."

$(PAGE): $(STAMP) web/package-lock.json $(wildcard web/*.html web/vite.config.js web/src/* web/src/*/*)
	@$(MAKE) --no-print-directory web

web: ## build the pages (Node from the machine, else from PyPI)
	@echo "     building the pages"
	@$(BIN)/python web/build.py
	@mkdir -p $(dir $(PAGE)) && touch $(PAGE)

test: setup ## everything CI runs: lint, types and the tests (under ten minutes on two cores)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python web/build.py test
	@$(BIN)/python -m pytest -q -m "not slow and not alone" $(TWO)
	@$(BIN)/python -m pytest -q -m "alone and not slow"

test-all: setup ## the slow tests too: full-size Stable Diffusion, long runs, a minute of fuzzing a reader
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python web/build.py test
	@$(BIN)/python -m pytest -q
	@$(MAKE) --no-print-directory fuzz

lint: setup ## ruff and mypy; biome and tsc for the pages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python web/build.py lint

format: setup ## let ruff and biome write
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python web/build.py format

chaos: setup ## the attacks of tests/attacks, with their figures
	@$(BIN)/python -m pytest -q -s tests/attacks

SECONDS := 60
FUZZED := open_upload read_sound decode_image recipes_parse prompt_parse request_reader \
  http websocket
fuzz: setup ## fuzz every reader of strangers' bytes for SECONDS each (Linux and macOS)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "atheris>=3"
	@printf '%s\n' $(FUZZED) | xargs -P 2 -I TARGET \
	  $(BIN)/python -m tests.fuzz.run TARGET --seconds $(SECONDS)

AUDIT := .cache/audit
licences: setup ## every installed package with its licence and known holes (those need the network)
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
	  $(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.10,<3"; }
	@$(BIN)/python scripts/licences.py --audit $(AUDIT)/bin/pip-audit

docs: setup ## build the documentation as a site, out/docs/index.html
	@$(BIN)/zensical build --strict

dist: setup ## build the wheel and the sdist into dist/
	@$(BIN)/python -m build --outdir dist .

bench: setup ## how fast, and how good, side by side with what people would use instead
	@$(BIN)/riffbot bench

clean: ## remove the virtual environment (never your data/)
	rm -rf $(VENV)

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
