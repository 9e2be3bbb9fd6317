# `make demo` needs Python 3.11 or newer with venv, make and git; nothing else.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

# Many tests wait for a program, so twice as many as CI has cores; `make test JOBS=8` uses more of a large machine.
JOBS ?= 4

# `make bench BENCH=--quick` only shows that every benchmark runs.
BENCH ?=

.PHONY: help demo test format soak bench pictures docs clean

help:
	@echo "make demo      learn the keys in five minutes, or open Stas on a demo world"
	@echo "make test      check the format, the types, the import rules, and run the tests"
	@echo "make soak      run the long campaigns"
	@echo "make bench     measure speed and memory"
	@echo "make pictures  draw the pictures of the documentation again"
	@echo "make docs      write the generated pages of the documentation again"
	@echo "make format    format the code"
	@echo "make clean     remove what was built"

demo: $(STAMP)
	@$(BIN)/stas demo --choose

test: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest -n $(JOBS) -m "not soak"

format: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(DEV_STAMP)
	$(BIN)/pytest -m soak

bench: $(DEV_STAMP)
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script" $(BENCH) || exit 1; done

pictures: $(DEV_STAMP)
	$(BIN)/python docs/pictures/draw.py

docs: $(DEV_STAMP)
	$(BIN)/python -m stas_tui.config_docs > docs/configuration.md.new
	@mv docs/configuration.md.new docs/configuration.md
	$(BIN)/python -m stas_tui.keys_docs > docs/keys.md.new
	@mv docs/keys.md.new docs/keys.md
	$(BIN)/python -m stas_tui.isolation.tenancy_docs > docs/tenancy.md.new
	@mv docs/tenancy.md.new docs/tenancy.md
	$(BIN)/python -m stas_tui.training.docs docs/training.md > docs/training.md.new
	@mv docs/training.md.new docs/training.md

clean:
	rm -rf $(VENV) dist build .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, and again when what it is made of changes.

$(BIN)/python:
	@set -e; \
	for python in python3.13 python3.12 python3.11 python3; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Stas needs Python 3.11 or newer; install it and run make again." >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)." >&2; \
	$$found -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Stas into $(VENV), once." >&2
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): $(STAMP)
	@echo "Installing what the tests need, once." >&2
	@$(BIN)/python tests/dev_group.py | xargs $(PIP) install --constraint constraints.txt
	@touch $@
