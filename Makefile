# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# `make` lists the targets: every line of the form `name: ... ## what it does`.

.DEFAULT_GOAL := help
.PHONY: help demo test cloud lint unit sim system binary binaries soak bench docs clean bootstrap-demo bootstrap-test
PYTHON := .venv/bin/python
ARCH ?= host

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: bootstrap-demo ## run the main job against a local AWS IoT and show every outcome (ARCH=...: a binary, emulated if need be)
	@$(PYTHON) -m localcloud.demo $(if $(filter-out host,$(ARCH)),--arch $(ARCH)) $(if $(KEEP),--keep)

test: bootstrap-test ## run everything: linters, unit, simulation, and the system tests on the source and on every built binary
	@$(PYTHON) ci/test.py all

cloud: bootstrap-demo ## run a local AWS IoT in the foreground, with a thing, a certificate and a ready config
	@$(PYTHON) -m localcloud

lint: bootstrap-test ## ruff, mypy, pyright, shellcheck
	@$(PYTHON) ci/test.py lint

unit: bootstrap-test ## the unit tests
	@$(PYTHON) ci/test.py unit

sim: bootstrap-test ## the simulated crashes
	@$(PYTHON) ci/test.py sim

system: bootstrap-test ## the system tests on TARGET (source, or one of toolchains/targets/; default: all of CI's that are built)
	@$(PYTHON) ci/test.py system $(TARGET)

binary: bootstrap-demo ## build dist/ARCH/aws-iot-device-client
	@$(PYTHON) -m toolchains.build $(ARCH)

binaries: bootstrap-demo ## build the static binaries that CI tests (toolchains/targets/)
	@$(PYTHON) -m toolchains.build

soak: bootstrap-test ## many jobs through one process, and what its memory did (JOBS=100000)
	@$(PYTHON) -m bench.soak --jobs $(or $(JOBS),100000) --arch $(ARCH)

bench: bootstrap-demo ## start-up, memory and size against a bare interpreter in the same run
	@$(PYTHON) -m bench.startup --arch $(ARCH)

docs: bootstrap-demo ## write the generated pages anew
	@$(PYTHON) -m docs.states
	@$(PYTHON) -m docs.sizes

clean: ## remove what was built in this folder; the build cache stays
	rm -rf dist .venv .localcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

bootstrap-demo:
	@ci/bootstrap.sh demo

bootstrap-test:
	@ci/bootstrap.sh test
