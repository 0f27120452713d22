# Needs python3 and make; everything else it brings into .venv.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help runtime demo dev packages test test-all check fix bench docs peers lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/' | expand -t 14

runtime: ## bring up .venv with what running needs
	@$(PYTHON) tools/bootstrap.py runtime

demo: runtime ## make an image on the spot, deny it, mend it, allow it, prove it
	@$(BIN)/sealmark demo

dev: ## bring up .venv with the development tools
	@$(PYTHON) tools/bootstrap.py dev

packages: dev
	@$(BIN)/python tools/packages.py

test: packages ## the tests, in under ten minutes
	$(BIN)/pytest -n 2 -m "not slow and not peers"

test-all: packages peers ## every test, the slow ones and the comparisons too
	$(BIN)/pytest -n 2

check: dev ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: dev ## let ruff mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: packages ## time and memory, as ratios; figures go to docs/benchmarks.md
	$(BIN)/python -m bench

docs: dev ## regenerate the reference from the code
	$(BIN)/python tools/reference.py

peers: dev ## build and cache the outside tools that tests compare with
	@$(BIN)/python tools/peers.py

lock: dev ## compile requirements/*.in to pinned, hashed files
	cd requirements && for kind in runtime dev bootstrap; do \
	  ../$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-emit-index-url --no-annotate $$kind.in -o $$kind.txt; done

clean: ## remove what the targets made
	rm -rf .venv .peers .pytest_cache .mypy_cache .ruff_cache .hypothesis
