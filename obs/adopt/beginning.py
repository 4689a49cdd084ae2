"""Which files does a service's repository begin with beside its content? NAME and VERSION are filled in."""

MAKEFILE = """\
# `make help` lists the targets. OBS=/path/to/obs uses a tool that is installed already.
.DEFAULT_GOAL := help
.PHONY: help dashboards check alerts-test diff up
OBS ?= .venv/bin/obs

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/bin/obs: requirements.txt
	@python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@ && $@ tools

dashboards: $(OBS) ## compile and prove dashboards, rules and configuration; write what differs
	@$(OBS) build

check: $(OBS) ## prove everything and change nothing
	@$(OBS) build --check && $(OBS) check

alerts-test: $(OBS) ## play every case of every alert
	@$(OBS) alerts test

diff: $(OBS) ## say in words what differs from main
	@$(OBS) diff main

up: $(OBS) ## start the stack with docker compose
	@$(OBS) up
"""

REQUIREMENTS = """\
# The tool: another version is one number here, and `obs upgrade` says what it changes.
watchkeeper-obs==VERSION
"""

WORKFLOW = """\
# What decides whether a change lands: what is committed is what the Python makes, and every alert is proven.
name: Observability

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  prove:
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false
      - uses: actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0
        with:
          python-version: "3.13"
      - run: make check
      - run: make alerts-test
"""

README = """\
# Observability of NAME

Dashboards, alerts and runbooks of NAME, as Python that is proven before it is deployed.

- `stack.toml` says what there is: names, targets, promises, thresholds, addresses.
- `alerts/`, `dashboards/`, `metrics/`: one module for each thing that can break, each board, each source of series.
- `docs/operations/`: the runbooks; every alert has its section.
- `infra/`, `docs/catalog.md` and `docker-compose.observability.yml` are written by `make dashboards`: commit them too.

Edit, `make dashboards`, `make diff`, `make check`, `make alerts-test`; `make up` starts the stack. A newer tool is one
number in `requirements.txt`; `obs upgrade` says what it changes.
"""

COMPOSE = """\
# The containers of NAME itself, and exporters of its own; the stack is docker-compose.observability.yml.
services: {}
"""

IGNORED = """\
.venv/
.tools/
.obs/
.env
__pycache__/
"""

FILES = {
    "Makefile": MAKEFILE,
    "requirements.txt": REQUIREMENTS,
    ".github/workflows/observability.yml": WORKFLOW,
    "README.md": README,
    "docker-compose.yml": COMPOSE,
    ".gitignore": IGNORED,
}
