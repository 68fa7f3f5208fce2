# Every target is one call; what it does is in the program it calls.
SHELL := /bin/bash
# Node 24 and all tools come with the workspace (npm ci).
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

NODES ?= 3

.DEFAULT_GOAL := help
.PHONY: help deps node cluster down test test-cluster fmt lint bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install what is missing: Debian packages (as root) and the workspace's tools
	tools/deps/install.sh
	npm ci

node: | node_modules ## Build the Debian packages that make a machine a node
	node tools/deb/build.ts

cluster: node ## Boot NODES machines (default 3) on this host and let them form a cluster
	cluster-os up --nodes $(NODES)

down: | node_modules ## End that cluster and leave nothing behind
	cluster-os down

test: | node_modules ## Run every check: format, lint, types, units, repository, lab
	node tools/run-tests/main.ts

test-cluster: | node_modules ## Run the scenarios on real machines only
	node tools/run-tests/main.ts lab

fmt: | node_modules ## Format everything
	prettier --write .

lint: | node_modules ## Look for mistakes: rules, layers, types
	eslint . && tsc --build

bench: | node_modules ## Measure a cluster's formation and its daemons at rest
	node bench/src/formation.ts

clean: ## Remove what builds and tests made here (caches in ~/.cache/cluster-os stay)
	rm -rf dist .nx */dist */*/dist

node_modules:
	npm ci
