# Everything from a fresh clone: needs Python 3.10 or newer and make. `make` alone says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE := $(CURDIR)/.demo
# Jupyter refuses to run as root, as in a container, unless it is told that this is meant.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
LAB_FILES := $(shell find labextension -type f \
	-not -path '*/node_modules/*' -not -path '*/lib/*' -not -path '*/.yarn/*' -not -name '*.tsbuildinfo')

# uv is quick, but does not read pip's configuration: where that names the index, pip has to do it.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[$(1)]' \
	|| $(BIN)/python -m pip install --quiet -e '.[$(1)]'

# What tests need that is no Python package; these scripts install it where they can.
with_programs = tests/integration/install_postgres.sh && tests/integration/install_for_agents.sh && \
	CHROMIUM="$$(tests/browser/install_browser.sh)" && export CHROMIUM &&

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo lab test-quick test test-long bench lint clean
.DELETE_ON_ERROR:

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## set everything up and run examples/01-first-run.ipynb against a real Jupyter server
	$(BIN)/python examples/demo.py

lab: $(VENV)/.demo ## open the same notebook in JupyterLab
	GPURUN_HOME=$(STATE)/home $(BIN)/jupyter lab $(AS_ROOT) examples/01-first-run.ipynb

test-quick: $(VENV)/.test ## test what needs no server: a minute and a half
	$(BIN)/python -m pytest -m "not long" --numprocesses 2 tests/unit

test: lint ## check and test everything that takes less than minutes, in a browser too
	$(with_programs) $(BIN)/python -m pytest -m "not long" --numprocesses 2 --dist loadfile

test-long: lint ## the same and the long tests
	$(with_programs) $(BIN)/python -m pytest

bench: $(VENV)/.bench ## measure what docs/performance.md tells of; ten minutes, and nothing else should be at work
	$(BIN)/python benchmarks

lint: $(VENV)/.test ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	cd labextension && jlpm lint && jlpm test

clean: ## remove what was built and installed, and the demo's state
	rm -rf $(VENV) $(STATE) dist gpurun_jupyter/labextension gpurun_jupyter/static
	rm -rf labextension/node_modules labextension/lib labextension/tsconfig.tsbuildinfo
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "gpurun needs Python 3.10 or newer; name one: make PYTHON=...")'
	@echo "Setting up $(VENV); this takes a few minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/.demo: pyproject.toml $(LAB_FILES) | $(VENV)/.made
	$(call install,demo)
	@touch $@

# What tests need contains what the demo needs.
$(VENV)/.test: pyproject.toml $(LAB_FILES) | $(VENV)/.made
	$(call install,test)
	@touch $(VENV)/.demo $@

# What benchmarks compare with, beside what tests need.
$(VENV)/.bench: pyproject.toml $(LAB_FILES) | $(VENV)/.made
	$(call install,bench)
	@touch $(VENV)/.demo $(VENV)/.test $@
