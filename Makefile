# Every target makes what it needs below .venv/ and .build/; nothing is installed anywhere else.
PYTHON ?= python3
ARGS ?=
RUNNER = PYTHONPATH=tests $(PYTHON) -m runner

.DEFAULT_GOAL := help
.PHONY: help test lint sanity units servers integration cores benchmark demo demo-down clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

test:  ## everything below down to cores, with one table at the end; ARGS="tests/unit -k keyring" for a part
	@$(RUNNER) test $(ARGS)

lint:  ## ruff, mypy, yamllint, ansible-lint, the changelog and the tarball
	@$(RUNNER) lint

sanity:  ## ansible-test sanity without containers; ARGS="--test import" for some of it
	@$(RUNNER) sanity $(ARGS)

units:  ## tests/unit; ARGS goes to pytest
	@$(RUNNER) units $(ARGS)

servers:  ## tests/servers: servers on localhost, and other readers of what we write; ARGS goes to pytest
	@$(RUNNER) servers $(ARGS)

integration:  ## tests/integration against the lab's real clusters and registries; ARGS goes to pytest
	@$(RUNNER) integration $(ARGS)

cores:  ## units, sanity and a smoke play on the oldest and the newest ansible-core; ARGS="2.17" for one
	@$(RUNNER) cores $(ARGS)

benchmark:  ## seconds and requests of large runs, on a lab of its own; passes and fails nothing
	@$(RUNNER) benchmark

demo:  ## start the lab and show the collection at work
	@$(RUNNER) demo up

demo-down:  ## end what make demo started
	@$(RUNNER) demo down

clean:  ## remove .venv and .build
	rm -rf .venv .build
