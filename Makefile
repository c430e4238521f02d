# make demo    the main job on a small synthetic dataset, from drawing it to an annotated video
# make test    all tests but those of `make long`
# make unit    the quick tests only
# make lint    style and types
# make parity  compare our models with those of torchvision and transformers, with the same weights on the same images
# make long    what make test checks for some models and formats, for all others; over half an hour (ONLY=yolox: of one)
# make exports the part of make long that exports all families in all formats, trained ones too; takes hours
# make bench   compare our speed with other projects, which it installs; takes an hour
# make docs    write the generated pages of docs/, and build the documentation site in site/
# make clean   remove what the above created, except runs/
#
# Each target first creates .venv if it is missing; parity creates .venv-parity, which also contains PyTorch.
# To use another interpreter: make demo PYTHON=/path/to/python

# The first Python of a supported version that can create virtual environments.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$python -c "$(SUITS)" 2>/dev/null && echo $$python && break; done)
IN_VENV := .venv/bin/python
IN_PARITY := .venv-parity/bin/python
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
INSTALL := $(IN_VENV) $(PIP_INSTALL)
# On Linux a plain torch installs gigabytes of CUDA libraries, which are not used here. If pip is given a source of
# PyTorch's CPU builds (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL), it prefers those (2.13.0+cpu). The versions of torch and
# torchvision belong together.
TORCH := torch==2.13.0
TORCHVISION := torchvision==0.28.0
TRANSFORMERS := transformers==5.24.0; python_version >= '3.11'

define CHECK_PYTHON
@"$(or $(PYTHON),false)" -c "$(SUITS)" 2>/dev/null || { \
		echo "Expected Python 3.10, 3.11, 3.12 or 3.13 with the venv module, found: $$(python3 --version 2>&1)." >&2; \
		echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name one: make PYTHON=/path/to/python" >&2; \
		exit 2; }
endef

.PHONY: demo test unit lint parity long exports bench docs clean

demo: .venv/installed
	.venv/bin/detect demo

test: .venv/installed-tests
	$(IN_VENV) tools/run_tests.py

unit: .venv/installed-tests
	$(IN_VENV) -m pytest -q -n 2 -m "not slow"

lint: .venv/installed-tests
	$(IN_VENV) -m ruff check
	$(IN_VENV) -m ruff format --check
	$(IN_VENV) -m mypy

parity: .venv-parity/installed
	$(IN_PARITY) -m pytest -q tests/parity

long: .venv/installed-tests
	$(IN_VENV) -m pytest -q -n 2 -m long $(if $(ONLY),-k "$(ONLY)")

exports: .venv/installed-tests
	$(IN_VENV) -m pytest -q -n 2 -m long tests/export $(if $(ONLY),-k "$(ONLY)")

bench: .venv/installed
	$(IN_VENV) tools/measure_speed.py

docs: .venv/installed-docs
	$(IN_VENV) tools/write_documents.py
	$(IN_VENV) tools/build_site.py

clean:
	rm -rf .venv .venv-parity .venv-peers demo site .pytest_cache .mypy_cache .ruff_cache

# The stamps are in .venv, so removing it is enough to start from scratch.
.venv/installed: pyproject.toml tools/choose_opencv.py
	$(CHECK_PYTHON)
	"$(PYTHON)" -m venv .venv
	@echo "Installing into .venv (TensorFlow alone is 600 MB to download)"
	$(INSTALL) --editable .
	$(IN_VENV) tools/choose_opencv.py
	@touch $@

.venv/installed-tests: .venv/installed
	$(INSTALL) --editable ".[test]"
	@touch $@

.venv/installed-docs: .venv/installed
	$(INSTALL) --editable ".[docs]"
	@touch $@

# Torchvision without its requirements: pip might replace the torch that is installed by another one.
.venv-parity/installed: pyproject.toml tools/choose_opencv.py
	$(CHECK_PYTHON)
	"$(PYTHON)" -m venv .venv-parity
	@echo "Installing into .venv-parity (TensorFlow and PyTorch)"
	$(IN_PARITY) $(PIP_INSTALL) $(TORCH)
	$(IN_PARITY) $(PIP_INSTALL) --no-deps $(TORCHVISION)
	$(IN_PARITY) $(PIP_INSTALL) "$(TRANSFORMERS)"
	$(IN_PARITY) $(PIP_INSTALL) --editable ".[test]"
	$(IN_PARITY) tools/choose_opencv.py
	@touch $@
