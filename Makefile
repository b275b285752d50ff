# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# `make` lists the targets: every line of the form `name: ... ## what it does`.

.DEFAULT_GOAL := help
.PHONY: help check format unit parts handlers localcloud sim build system lint test demo cloud binary binaries soak bench docs clean
PYTHON := .venv/bin/python
ARCH ?= host

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: bootstrap-check ## what a change should pass before anything else: layout, ruff, mypy, tests/unit; half a minute
	@$(PYTHON) ci/test.py check

format: bootstrap-format ## lay out all Python files, and sort their imports
	@$(PYTHON) -m ruff check --quiet --select I --fix .
	@$(PYTHON) -m ruff format .

unit: bootstrap-unit ## the pure tests, some seconds; with a tenth of hypothesis's examples
	@$(PYTHON) ci/test.py unit

parts: bootstrap-parts ## single modules with real processes, signals, sockets and other users
	@$(PYTHON) ci/test.py parts

handlers: bootstrap-handlers ## the sample job handlers under dash and BusyBox
	@$(PYTHON) ci/test.py handlers

localcloud: bootstrap-localcloud ## the local AWS IoT itself
	@$(PYTHON) ci/test.py localcloud

sim: bootstrap-sim ## the simulated crashes
	@$(PYTHON) ci/test.py sim

build: bootstrap-build ## what the built binaries must be like
	@$(PYTHON) ci/test.py build

system: bootstrap-system ## the system tests on TARGET (source, or one of toolchains/targets/; default: all of CI's that are built)
	@$(PYTHON) ci/test.py system $(TARGET)

lint: bootstrap-lint ## ruff, mypy, pyright, shellcheck
	@$(PYTHON) ci/test.py lint

test: bootstrap-test ## all of the above: linters, every folder of tests, the system tests on the source and on every built binary
	@$(PYTHON) ci/test.py all

demo: bootstrap-demo ## run the main job against a local AWS IoT and show every outcome (ARCH=...: a binary, emulated if need be)
	@$(PYTHON) -m demo $(if $(filter-out host,$(ARCH)),--arch $(ARCH)) $(if $(KEEP),--keep)

cloud: bootstrap-cloud ## run a local AWS IoT in the foreground, with a thing, a certificate and a ready config
	@$(PYTHON) -m localcloud

binary: bootstrap-binary ## build dist/ARCH/aws-iot-device-client
	@$(PYTHON) -m toolchains.build $(ARCH)

binaries: bootstrap-binaries ## build the static binaries that CI tests (toolchains/targets/)
	@$(PYTHON) -m toolchains.build

soak: bootstrap-soak ## many jobs through one process, and what its memory did (JOBS=100000)
	@$(PYTHON) -m bench.soak --jobs $(or $(JOBS),100000) --arch $(ARCH)

bench: bootstrap-bench ## start-up, memory and size against a bare interpreter in the same run
	@$(PYTHON) -m bench.startup --arch $(ARCH)

docs: bootstrap-docs ## write the generated pages anew
	@$(PYTHON) -m docs.states
	@$(PYTHON) -m docs.configuration
	@$(PYTHON) -m docs.sizes

clean: ## remove what was built in this folder; the build cache stays
	rm -rf dist .venv .localcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# What the target needs and nothing else: ci/needs.txt.
bootstrap-%:
	@ci/bootstrap.sh $*
