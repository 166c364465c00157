# Everything a newcomer runs. `make help` lists the targets.
# PYTHON is the interpreter that the environment is made with; it must be 3.11 or later.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Each group of packages leaves a stamp, so that it is installed again only when pyproject.toml changes.
STAMP  = $(VENV)/.installed-$(1)
JOBS  ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup sunspots test check lint types unit thorough doctest memcheck fuzz bites ecosystem jax-suite
.PHONY: bench guard docs pictures map wheel clean matrix matrix-one portable reference xla gpu accelerators

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(call STAMP,test)  ## Make .venv with ingot and all that its tests need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "ingot needs Python 3.11 or later; try make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

sunspots: $(call STAMP,examples)  ## Set up, then run the example of the README
	$(BIN)/python examples/sunspots.py

test: lint types doctest unit  ## Set up, then lint, check types, and run all tests but the long ones

check: lint types doctest $(call STAMP,test)  ## As test, without the slow tests
	$(BIN)/python -m pytest -n $(JOBS) -q -m 'not slow and not long'

lint: $(call STAMP,test)  ## Check style with ruff
	$(BIN)/python -m ruff check --no-cache .

types: $(call STAMP,test)  ## Check types with pyright
	$(BIN)/python -m pyright --pythonpath $(BIN)/python

unit: $(call STAMP,test) $(call STAMP,examples)
	$(BIN)/python -m pytest -n $(JOBS) -q -m 'not long'

thorough: $(call STAMP,test)  ## The long tests: every planted fault, all rows, accuracy at more points
	$(BIN)/python -m pytest -n $(JOBS) -q -m long tests

doctest: $(call STAMP,test)  ## Run the examples in docstrings
	PYTHONFAULTHANDLER=1 $(BIN)/python -m pytest -n $(JOBS) -q --doctest-modules src/ingot

memcheck: $(call STAMP,test)  ## All but the slow tests, with the memory of compiled programs checked
	INGOT_CHECK_MEMORY=1 $(BIN)/python -m pytest -n $(JOBS) -q -m 'not slow and not long and not oracle' tests

MINUTES ?= 10

fuzz: $(call STAMP,test)  ## Random programs, new ones each time (MINUTES=10 SEED=...), and properties of others
	HYPOTHESIS_PROFILE=fuzz timeout --signal=INT $$(( $(MINUTES) * 30 )) \
	  $(BIN)/python -m pytest -n $(JOBS) -q -x tests/fuzz/test_attack.py tests/fuzz/test_programs.py \
	  || [ $$? -eq 124 ]  # Nothing was found until the time was up.
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --minutes $$(( $(MINUTES) / 2 )) \
	  $(if $(SEED),--seed $(SEED)) $(OPTIONS)

bites: $(call STAMP,test)  ## Faults planted again: how soon random programs object to each (SEED=1000000)
	PYTHONPATH=tests $(BIN)/python -m fuzz.bites programs all $(or $(SEED),1000000)

# The packages are installed beside today's JAX, away from the rest; some need Python 3.12.
ECO := build/ecosystem/venv

# What the tests need besides ingot and JAX, which does not install beside the oldest versions.
TOOLS := pytest pytest-xdist hypothesis mpmath ipython

matrix:  ## Run the tests on each Python from 3.11 on, with the oldest and the newest dependencies
	@for python in python3.11 python3.12 python3.13 python3.14; do \
	  $$python -c '' 2>/dev/null || { echo "$$python: not on this machine"; continue; }; \
	  for age in oldest newest; do \
	    $(MAKE) --no-print-directory matrix-one MATRIX_PYTHON=$$python AGE=$$age || exit 1; done; done

matrix-one:
	@echo "$(MATRIX_PYTHON), $(AGE)"
	$(MATRIX_PYTHON) -m venv --clear build/matrix/$(MATRIX_PYTHON)-$(AGE)
	build/matrix/$(MATRIX_PYTHON)-$(AGE)/bin/python -m pip install --quiet \
	  --disable-pip-version-check \
	  $(if $(filter oldest,$(AGE)),--editable . $(TOOLS) --constraint tests/oldest.txt,--editable '.[test]')
	build/matrix/$(MATRIX_PYTHON)-$(AGE)/bin/python -m pytest -n $(JOBS) -q -m 'not slow and not long' tests

portable: $(call STAMP,test) $(call STAMP,examples)  ## Run all tests in the portable mode
	INGOT_PORTABLE=1 $(BIN)/python -m pytest -n $(JOBS) -q -m 'not long'

xla: $(call STAMP,test)  ## The laws on XLA's CPU client with 4 devices: every row, value and derivative
	INGOT_XLA_LAWS=all INGOT_NUM_CPU_DEVICES=4 $(BIN)/python -m pytest -n $(JOBS) -q tests/test_xla.py \
	  tests/test_xla_eager.py tests/test_xla_facts.py tests/test_xla_spmd.py tests/test_xla_laws.py

gpu: $(call STAMP,test)  ## The laws on a GPU, every row, and calls beside JAX's where JAX is installed
	INGOT_XLA_LAWS=all INGOT_LAWS_BACKEND=cuda $(BIN)/python -m pytest -q tests/test_xla_laws.py
	$(BIN)/python -c 'import jax' && $(BIN)/python benchmarks/xla_dispatch.py cuda

# Of plugins no more is used than their compilers; they are large, and not installed beside the rest.
ACCELERATORS := build/accelerators
JAXLIB = $(shell $(BIN)/python -c 'import jaxlib.version as v; print(v.__version__)')

accelerators: $(call STAMP,test)  ## Compile every primitive for H100 and TPU v5e, without either
	test -d $(ACCELERATORS) || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --target $(ACCELERATORS) jax-cuda13-pjrt==$(JAXLIB) jax-cuda13-plugin==$(JAXLIB) libtpu
	TPU_SKIP_MDS_QUERY=1 PYTHONPATH=tests:$(ACCELERATORS) $(BIN)/python tests/accelerators.py

reference: $(call STAMP,test)  ## All but the slow tests on the reference back end, which compiles nothing
	INGOT_BACKEND=reference $(BIN)/python -m pytest -n $(JOBS) -q -m 'not slow and not long' tests

ecosystem: $(ECO)/.installed  ## Run other packages' tests on ingot and on JAX (PACKAGES="optax ..." OPTIONS=--ingot-first)
	PYTHONPATH=tests $(ECO)/bin/python -m ecosystem $(OPTIONS) $(PACKAGES)

jax-suite:  ## Run JAX's own tests of devices on ingot and on JAX (JAX_SOURCE=a checkout FAMILY="pjit ..." JAX_PYTHON=...)
	PYTHONPATH=tests $(or $(JAX_PYTHON),$(BIN)/python) -m jax_suite $(FAMILY) --source $(JAX_SOURCE) $(OPTIONS)

$(ECO)/.installed: pyproject.toml $(wildcard tests/ecosystem/packages/*.toml)
	$(BENCH_PYTHON) -m venv $(ECO)
	PYTHONPATH=tests $(ECO)/bin/python -m ecosystem --requirements > $(ECO)/requirements.txt
	$(ECO)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' \
	  --requirement $(ECO)/requirements.txt
	@touch $@

# Peers of today need a newer Python than ingot does. JAX=0.10.2 measures beside that version.
BENCH_PYTHON = $(firstword $(foreach p,python3.13 python3.12 $(PYTHON),$(shell $(p) -c '' 2>/dev/null && echo $(p))))
BENCH := build/bench$(JAX)

$(BENCH)/.installed: pyproject.toml
	$(BENCH_PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' \
	  $(if $(JAX),jax==$(JAX))
	@touch $@

bench: $(BENCH)/.installed  ## Measure ingot beside JAX, NumPy and Numba (GROUPS="loops ...", JAX=0.10.2)
	$(BENCH)/bin/python benchmarks/run.py $(GROUPS)

guard: $(BENCH)/.installed  ## Measure ten kernels beside the commit before (BASE=... another)
	$(BENCH)/bin/python benchmarks/guard.py $(BASE)

docs: $(call STAMP,docs) map  ## Build the documentation into site/
	$(BIN)/python -m mkdocs build --strict

pictures: $(call STAMP,examples)  ## Draw the pictures of the documentation and its gallery anew
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/make_gallery.py

map: | $(BIN)/python  ## Write docs/map.md, the map of the house
	$(BIN)/python docs/make_map.py

wheel: | $(BIN)/python  ## Build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## Remove the environment and everything built
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis
