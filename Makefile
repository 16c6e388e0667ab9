# Everything a developer does, on a machine with git, make, python3 and apt and nothing else. What is missing is said,
# installed once, and not touched again: a second run only looks.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The one whose headers Debian installs and the image runs; others are often built slower.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV := .venv
BIN := $(VENV)/bin
# The demo and the wheel alone need nothing of what the tests do, a browser among it.
SECTIONS := build $(if $(filter-out demo wheel,$(MAKECMDGOALS)),test)
WORKERS := 3
# The demo's PBX: empty for the stand-in, or asterisk (the newest), asterisk-22, asterisk-16.
PBX :=
# The packages of some sections of the list that the Dockerfile shares.
packages_of = $(shell awk -v wanted="$(1)" '/^\[/ { use = index(" " wanted " ", " " substr($$0, 2, length - 2) " ") } \
	use && /^[a-z]/' config/apt-packages.txt)

.PHONY: help
help:  ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

# ---- The set-up ----

.PHONY: setup
setup: packages $(VENV)/.dependencies pjsip  ## make everything ready, leaves .venv/bin/gateway

.PHONY: packages
packages:
	@missing=(); \
	for name in $(call packages_of,$(SECTIONS)); do \
		[[ $$(dpkg-query -W -f='$${db:Status-Status}' "$$name" 2>/dev/null || true) == installed ]] || missing+=("$$name"); \
	done; \
	[[ $${#missing[@]} -eq 0 ]] && exit 0; \
	echo "setup: these Debian packages are missing: $${missing[*]}"; \
	if ! command -v apt-get >/dev/null; then echo "setup: and there is no apt-get here to install them with"; exit 1; fi; \
	root=(); [[ $$(id -u) -eq 0 ]] || root=(sudo); \
	echo "setup: installing them with apt-get (root is used for nothing else)"; \
	"$${root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update; \
	"$${root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$${missing[@]}"

$(BIN)/python: | packages
	@echo "setup: creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.dependencies: pyproject.toml | $(BIN)/python
	@echo "setup: installing the gateway and its Python dependencies into $(VENV) (about half a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

# Installed only when it is another wheel than the one that is there.
.PHONY: pjsip
pjsip: | packages $(BIN)/python
	@wheel=$$($(BIN)/python config/pjsip/build.py); \
	[[ $$(cat $(VENV)/.pjsip 2>/dev/null || true) == "$$wheel" ]] && exit 0; \
	echo "setup: installing $${wheel##*/}"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall "$$wheel"; \
	echo "$$wheel" > $(VENV)/.pjsip

.PHONY: wheel
wheel: packages $(BIN)/python  ## build PJSIP (or find it in the cache) and print the wheel's path
	@$(BIN)/python config/pjsip/build.py

# ---- The work ----

.PHONY: demo
demo: setup  ## call both ways through a gateway on loopback, show what was mapped (PBX=asterisk: a real one)
	@# On a terminal, job control has the ^C that ends the demo go to the demo alone, and not to make.
	@if [[ -t 0 ]]; then set -m; fi; page=$(VENV)/demo.html; \
	if [[ -z "$(PBX)" ]]; then $(BIN)/gateway demo --page "$$page"; exit; fi; \
	tree=$$($(BIN)/python -m config.asterisk.unpack "$(PBX)"); \
	$(BIN)/gateway demo --page "$$page" --asterisk "$$tree"

.PHONY: test
test: lint types  ## lint, types, and all tests with their coverage
	@# More workers than cores, as calls mostly wait; a file stays in one, whose gateway its tests share.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term:skip-covered
	@# What is pure has no excuse: every branch of it is tested.
	@$(BIN)/coverage report --include='gateway/core/*,gateway/bridge/*' --fail-under=100 >$(VENV)/coverage.txt \
		|| { cat $(VENV)/coverage.txt; exit 1; }

.PHONY: bench
bench: setup  ## measure calls per second, CPU and memory on this machine
	@$(BIN)/python -m tests.bench

.PHONY: soak
soak: setup  ## play 20,000 calls with every race, both ways, and see what is left of them (about five minutes)
	@$(BIN)/python -m tests.soak

.PHONY: format
format: setup  ## lay the code out, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: setup  ## check style, layers and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@[[ ! -f Dockerfile ]] || { echo "$(BIN)/hadolint Dockerfile"; $(BIN)/hadolint Dockerfile; }

.PHONY: types
types: setup  ## check the types
	$(BIN)/mypy

.PHONY: clean
clean:  ## remove what the verbs above made here; the wheel stays in its cache
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build ./*.egg-info
	find gateway tests config -name __pycache__ -prune -exec rm -rf {} +
