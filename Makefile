# What a first visitor needs: `make demo` and `make test`. Another interpreter: `make demo PYTHON=python3.12`.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Neither a plotting window nor somebody else's packages.
unexport MPLBACKEND PYTHONPATH PYTHONHOME

.PHONY: help demo test mutation bench clean

help:
	@echo "make demo      install in .venv, run the headline notebook on the shipped sample, write report/index.html"
	@echo "make test      install what the tests need, run them all, the notebooks included"
	@echo "make mutation  see whether the tests notice seeded faults (half an hour)"
	@echo "make bench     run the benchmarks"
	@echo "make clean     remove .venv, report/ and caches; runs/ stays"

demo: .venv/.installed
	@$(BIN)/medlib run ecg/arrhythmia_1dcnn
	@$(BIN)/medlib report runs

test: .venv/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
	$(BIN)/medlib validate

mutation: .venv/.installed-test
	$(BIN)/python tests/mutation/check.py

bench: .venv/.installed-test
	$(BIN)/python -m pytest --override-ini addopts= tests/benchmarks

clean:
	rm -rf .venv build dist report .pytest_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("medlib needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Installing in .venv: some minutes and 2 GB the first time"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.installed-test: .venv/.installed
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@
