PYTHON ?= python3
PRESET ?= quick

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed

unexport PYTHONDONTWRITEBYTECODE  # modules are compiled once, not by every process of a run

.DEFAULT_GOAL := help
.PHONY: help install paper papers test slow mutants lint docs proofs bench clean
.DELETE_ON_ERROR:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Install the command, in .venv/bin

paper: $(INSTALLED) ## Derive, verify, draw and report (PRESET=smoke|quick|paper, default quick)
	$(BIN)/meanbits paper --preset $(PRESET)

papers: $(INSTALLED) ## Draw the figures of other papers and settle their claims (PRESET as above)
	$(BIN)/meanbits papers --preset $(PRESET)

test: $(DEVELOPED) ## Run the tests, all but the slow ones
	$(BIN)/pytest -n 2 --dist loadfile

slow: $(DEVELOPED) ## Run the slow tests
	$(BIN)/pytest -n 2 -m slow

mutants: $(DEVELOPED) ## Try the tests on a sample of faulty copies of the code (hours)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[mutants]"
	@mkdir -p build/mutants
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-context=test --cov-report= --junitxml=build/mutants/tests.xml tests
	$(BIN)/python -m mutants

lint: $(DEVELOPED) ## Check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

docs: $(INSTALLED) ## Build the documentation, every cell executed, in build/docs
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs

proofs: $(patsubst %.v,build/%.vo,$(wildcard proofs/*.v)) ## Check the proofs in Rocq (coqc 8.16, coquelicot, coq-interval)

build/proofs/%.vo: proofs/%.v
	@mkdir -p $(@D) && cp $< $(@D)
	cd $(@D) && coqc -q $(notdir $<)

bench: $(DEVELOPED) ## Run the benchmarks; they are kept by processor in benchmarks/results
	$(BIN)/python -m benchmarks --keep

clean: ## Remove caches, builds and output, but not .venv
	rm -rf build dist output *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e ".[experiments]"
	@touch $@

$(DEVELOPED): $(INSTALLED)
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	@touch $@
