# make demo    the main job on a small synthetic dataset, from generating it to an annotated video
# make test    the tests
# make lint    style and types
# make docs    write the generated pages of docs/ again
# make clean   remove what these made; runs/ stays
#
# Each creates .venv first where it is missing. Another interpreter: make demo PYTHON=/path/to/python

# The first Python of a supported version that can make virtual environments.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$python -c "$(SUITS)" 2>/dev/null && echo $$python && break; done)
IN_VENV := .venv/bin/python
INSTALL := $(IN_VENV) -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint docs clean

demo: .venv/installed
	.venv/bin/detect demo

test: .venv/installed-tests
	$(IN_VENV) -m pytest -q

lint: .venv/installed-tests
	$(IN_VENV) -m ruff check
	$(IN_VENV) -m ruff format --check
	$(IN_VENV) -m mypy

docs: .venv/installed
	$(IN_VENV) tools/write_documents.py

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache

# The stamps live in .venv, so that removing it is enough to start afresh.
.venv/installed: pyproject.toml tools/choose_opencv.py
	@"$(or $(PYTHON),false)" -c "$(SUITS)" 2>/dev/null || { \
		echo "Needs Python 3.10, 3.11, 3.12 or 3.13 with the venv module, found: $$(python3 --version 2>&1)." >&2; \
		echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name one: make PYTHON=/path/to/python" >&2; \
		exit 2; }
	"$(PYTHON)" -m venv .venv
	@echo "Installing into .venv (TensorFlow alone is 600 MB to download)"
	$(INSTALL) --editable .
	$(IN_VENV) tools/choose_opencv.py
	@touch $@

.venv/installed-tests: .venv/installed
	$(INSTALL) --editable ".[test]"
	@touch $@
