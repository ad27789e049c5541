# Two commands do everything: `make demo` and `make test`. Both install what is missing first (Debian: apt; elsewhere they say what).
SHELL := /bin/bash
BUILD := swift build
# Warm folders of this checkout; `make clean` removes them.
TOOLS := $(CURDIR)/.tools
PREFIX ?= /usr/local
PYTHON ?= python3

export SWIFTFLOW_TEST_TOOLS := $(TOOLS)/python
export SWIFTFLOW_TEST_MLFLOW := $(TOOLS)/mlflow
export SWIFTFLOW_TEST_MLFLOW2 := $(TOOLS)/mlflow2

.PHONY: all demo test test-engines check build release install bench clean dependencies test-tools format

all: build

demo: build $(TOOLS)/uv.ready
	PATH="$(TOOLS)/uv/bin:$$PATH" scripts/demo.sh "$$($(BUILD) --show-bin-path)"

test: dependencies test-tools
	$(BUILD) --build-tests
	PATH="$(TOOLS)/python/bin:$$PATH" scripts/test.sh

# The tests that need real engines (a Docker daemon, a registry): starts them, runs the tests, stops them.
test-engines: dependencies
	$(BUILD) --build-tests
	scripts/test-engines.sh

check: dependencies
	swift format lint --strict --recursive Sources Backends Tests Package.swift
	scripts/check-traps.sh

build: dependencies
	$(BUILD)

# What is shipped: static Swift runtime, stripped. Its own folder, because --static-swift-stdlib is a compile flag too.
release: dependencies
	$(BUILD) -c release --static-swift-stdlib --scratch-path .build-release --product swiftflow
	$(BUILD) -c release --static-swift-stdlib --scratch-path .build-release --product swiftflow-git
	$(BUILD) -c release --static-swift-stdlib --scratch-path .build-release --product swiftflow-keeper

install: release
	scripts/install.sh "$$($(BUILD) -c release --static-swift-stdlib --scratch-path .build-release --show-bin-path)" "$(DESTDIR)$(PREFIX)"

bench: release $(TOOLS)/mlflow.ready
	Benchmarks/run.sh

format:
	swift format --in-place --recursive Sources Backends Tests Package.swift

clean:
	rm -rf .build .build-release .tools

dependencies:
	@scripts/install-dependencies.sh

test-tools: $(TOOLS)/uv.ready $(TOOLS)/python.ready $(TOOLS)/mlflow.ready $(TOOLS)/mlflow2.ready

$(TOOLS)/uv.ready:
	$(PYTHON) -m venv $(TOOLS)/uv
	$(TOOLS)/uv/bin/pip install --quiet uv
	touch $@

$(TOOLS)/python.ready: $(TOOLS)/uv.ready
	$(PYTHON) -m venv $(TOOLS)/python
	$(TOOLS)/python/bin/pip install --quiet mlflow-skinny==3.17.2 'moto[server]==5.2.1' boto3 uv virtualenv pyyaml
	touch $@

$(TOOLS)/mlflow.ready:
	$(PYTHON) -m venv $(TOOLS)/mlflow
	$(TOOLS)/mlflow/bin/pip install --quiet mlflow==3.17.2
	touch $@

$(TOOLS)/mlflow2.ready:
	$(PYTHON) -m venv $(TOOLS)/mlflow2
	$(TOOLS)/mlflow2/bin/pip install --quiet 'mlflow-skinny<3'
	touch $@
