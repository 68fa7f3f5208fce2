# Every target is one call; what it does is in the program it calls.
SHELL := /bin/bash
# Node 24 and all tools come with the workspace (npm ci).
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

NODES ?= 3
SEED ?= 1
MINUTES ?= 30

.DEFAULT_GOAL := help
.PHONY: help deps debian-packages node node-image cluster down test test-cluster fmt lint bench bench-kube bench-operator bench-membership bench-gossip bench-mesh bench-mesh-vm bench-slurm-failover bench-slurm-throughput bench-control-plane clean \
	test-chaos test-long test-upgrade test-vm test-vm-5 vm-status vm-info vm-stop vm-clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: debian-packages node_modules ## Install what is missing: Debian packages (as root) and the workspace's tools

node: deps ## Build the Debian packages that make a machine a node
	node tools/deb/build.ts

node-image: node ## Build the container image of a node, for docker and podman (as root)
	node tools/images/build-node.ts

cluster: node ## Boot NODES machines (default 3) on this host and let them form a cluster; an MPI job over all of them ends it
	cluster-os up --nodes $(NODES) --mpi

down: node_modules ## End that cluster and leave nothing behind
	cluster-os down

test: deps ## Run every check: format, lint, types, units, repository, lab, emulated machines
	node tools/run-tests/main.ts

test-cluster: deps ## Run the scenarios on real machines only
	node tools/run-tests/main.ts builds lab

test-long: node ## Run the scenarios on real machines that take too long for every change
	cd e2e && node ../tools/test/mocha.ts 'long/**/*.test.ts'

test-upgrade: node ## Upgrade Kubernetes from one minor version to the next on real machines
	cd e2e && node ../tools/test/mocha.ts 'upgrade/**/*.test.ts'

test-chaos: NODES = 5
test-chaos: node ## Draw faults by SEED for MINUTES on NODES machines, and check that nothing is lost
	cd e2e && node --conditions=@cluster-os/source chaos/main.ts --seed $(SEED) --minutes $(MINUTES) \
	  --nodes $(NODES) --report ../docs/reference/chaos.md

test-vm: node ## Run the scenarios on 3 emulated machines with kernels of their own
	cd e2e && CLUSTER_OS_LAB=vm node ../tools/test/mocha.ts 'vm/**/*.test.ts'

test-vm-5: node ## The same with 5 machines, up to the mesh
	cd e2e && CLUSTER_OS_LAB=vm CLUSTER_OS_VM_NODES=5 CLUSTER_OS_VM_PART=machines \
	  node ../tools/test/mocha.ts 'vm/**/*.test.ts'

vm-status: node_modules ## Show the emulated machines' cluster
	CLUSTER_OS_LAB=vm cluster-os status

vm-info: node_modules ## Show how to reach the emulated machines: SSH, screens, consoles
	CLUSTER_OS_LAB=vm cluster-os info

vm-stop: node_modules ## End the emulated machines and leave nothing behind
	CLUSTER_OS_LAB=vm cluster-os down

vm-clean: vm-stop ## Remove the trees and disks of emulated machines from the cache, too
	tools/vm-image/clean.sh

fmt: node_modules ## Format everything
	prettier --write .

lint: node_modules ## Look for mistakes: rules, layers, types
	eslint . && tsc --build

bench: deps ## Measure a cluster's formation and its daemons at rest
	node --conditions=@cluster-os/source bench/src/formation.ts

bench-kube: deps ## Measure how soon informers see a change after each fault
	node --conditions=@cluster-os/source bench/src/reflector.ts

bench-mesh: deps ## Measure the mesh beside a plain cable, as root
	node --conditions=@cluster-os/source bench/src/mesh.ts

bench-mesh-vm: node ## The same in an emulated machine, whose kernel has WireGuard
	node --conditions=@cluster-os/source bench/src/mesh-emulated.ts

bench-membership: node_modules ## Measure how rightly and how soon members know of each other, in virtual time
	node --conditions=@cluster-os/source bench/src/membership.ts

bench-gossip: deps ## Measure membership beside serf, as real processes, as root
	node --conditions=@cluster-os/source bench/src/gossip.ts

bench-operator: deps ## Measure the operator with 1,000 machines, as root
	node --conditions=@cluster-os/source bench/src/operator.ts

bench-slurm-failover: node ## Measure how long SLURM takes no job after its controller's machine lost its power, as root
	node --conditions=@cluster-os/source bench/src/slurm-failover.ts

bench-slurm-throughput: node ## Measure what it costs SLURM that its controller's state is kept on three machines, as root
	node --conditions=@cluster-os/source bench/src/slurm-throughput.ts

bench-control-plane: node ## Measure forming a cluster, losing servers and losing all power, beside kubeadm alone, as root
	node --conditions=@cluster-os/source bench/src/control-plane.ts

clean: ## Remove what builds and tests made here (caches in ~/.cache/cluster-os stay)
	rm -rf dist .nx */dist */*/dist

debian-packages:
	tools/deps/install.sh

# Anew when the lock file is newer; npm leaves this file as the last thing it does.
node_modules: node_modules/.package-lock.json
node_modules/.package-lock.json: package-lock.json
	npm ci
