.DEFAULT_GOAL := help
.PHONY: help tools dashboards alerts-test mutate drill cost preview preview-lint pictures check check-pages test bench diff diff-test review plan push drift demo e2e e2e-test up down logs open fmt clean
SHELL := /bin/sh
export PATH := $(CURDIR)/.venv/bin:$(PATH)
OBS := .venv/bin/obs
INCIDENTS := --incident 'One route of many fails' --incident 'Redis is dead, and the API with it' \
	--incident 'No worker takes any job'

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.ready: requirements/dev.lock scripts/setup
	@sh scripts/setup dev

tools: .venv/.ready ## find promtool, or install it below .tools
	@sh scripts/install-promtool

dashboards: tools ## compile and prove dashboards, rules and configuration; write what differs
	@$(OBS) build

alerts-test: tools ## play every case of every alert through promtool
	@$(OBS) alerts test

mutate: tools ## change every part of every rule: a case has to notice
	@$(OBS) alerts test --mutants

cost: tools ## say how many samples each panel and rule reads, and hold it to stack.toml
	@$(OBS) cost

drill: tools ## play whole incidents through rules and routes: who is told, when, how often
	@$(OBS) drill $(if $(AGAINST),--against $(AGAINST) --markdown)

preview: .venv/.ready ## draw every dashboard in an ordinary hour and in three incidents, below .obs/preview/pages
	@sh scripts/install-stack-programs; $(OBS) preview && $(OBS) preview $(INCIDENTS)

preview-lint: .venv/.ready ## judge the pictures of all dashboards, and the panel of every alert while it fires
	@sh scripts/install-stack-programs; $(OBS) preview --lint && $(OBS) preview --lint $(INCIDENTS)

pictures: .venv/.ready ## draw the pictures of the documentation anew
	@sh scripts/install-stack-programs; python -m e2e.pictures

check: tools ## prove everything and change nothing: output, contract, lint, types
	@sh scripts/check

check-pages: .venv/.ready ## write the page of each check below docs/checks
	@python -m obs.proofs.pages

test: tools ## the whole test-suite
	@pytest -n 2

bench: .venv/.ready ## measure against named peers
	@sh scripts/bench

diff-test: tools ## change 10,000 parts of boards, rules and routes: the diff has to tell each (SEED=n begins elsewhere)
	@MUTATIONS=$${MUTATIONS:-10000} .venv/bin/pytest -q tests/diff/test_complete.py

diff: .venv/.ready ## say in words what differs from main (SIDES=A..B: between these)
	@$(OBS) diff $(or $(SIDES),main)

review: .venv/.ready ## write review.html: what differs from main (SIDES=A..B), with both states of each panel drawn
	@sh scripts/install-stack-programs; $(OBS) diff $(or $(SIDES),main) --html review.html --pictures

plan: .venv/.ready ## say what a push would change in Grafana
	@$(OBS) plan $(if $(PLAN),--out $(PLAN))

push: .venv/.ready ## plan, push, verify; undo on failure
	@$(OBS) push $(PLAN)

drift: .venv/.ready ## compare code, last deployment and Grafana
	@$(OBS) drift

demo: .venv/.ready ## run the reference service with traffic
	@python -m examples.demo

e2e: .venv/.ready ## start the real programs of the stack, break them, show who hears of it
	@sh scripts/install-stack-programs; python -m e2e $(if $(STRICT),--strict) $(if $(KEEP),--keep)

e2e-test: .venv/.ready ## the tests that need the real programs, Chromium and npm
	@pytest -n 2 tests/e2e

up: .venv/.ready ## start the stack with docker compose
	@$(OBS) up

down: .venv/.ready ## stop it
	@$(OBS) down

logs: .venv/.ready ## follow its logs
	@$(OBS) logs

open: .venv/.ready ## print (and open) its addresses
	@$(OBS) open

fmt: .venv/.ready ## format and fix what a tool can fix
	@ruff format . && ruff check --fix .

clean: ## remove what make installed here
	@rm -rf .venv .tools .obs dist
