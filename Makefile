# Two commands work on a machine that has only Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# of `make fuzz`: seconds for each door; of `make campaign`: how many mutants; of both: where chance begins
TIME ?= 60
N ?= 1000000
SEED ?= 1
# of `make mutants`: how many of each folder
SAMPLE ?= 150
# of `make dist`: the name of the key that signs (`airgap key list`); any text: build although files are not committed
SIGN_KEY ?=
CHANGED ?=

.PHONY: demo test check lint types contracts format layouts tars pkits cluster browser bench fuzz kills registries campaign sweep mutants slips requirements frozen docs dist clean

demo: $(VENV)/.installed
	@$(BIN)/airgap demo

# Bytecode is kept whatever the environment says: to compile the tests anew costs more than to collect them.
test: $(VENV)/.installed-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist worksteal

check: lint types contracts

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev
	$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# How many tars the differential test makes.
TARS ?= 20000

tars: $(VENV)/.installed-dev
	AIRGAP_TARS=$(TARS) $(BIN)/python -m pytest -q -s tests/differential

pkits: $(VENV)/.installed-pkits
	AIRGAP_PKITS=1 $(BIN)/python -m pytest -q tests/differential/test_pkits.py

# How many images the cluster judges.
IMAGES ?= 120

cluster: $(VENV)/.installed-dev
	AIRGAP_SLOW=1 AIRGAP_IMAGES=$(IMAGES) $(BIN)/python -m pytest -q tests/e2e/test_dask.py

# The page of a report in Chromium, shown and printed.
browser: $(VENV)/.installed-dev
	AIRGAP_SLOW=1 $(BIN)/python -m pytest -q tests/e2e/test_report_files.py

layouts: $(VENV)/.installed-dev
	$(BIN)/python -m layouts.make

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m fuzz --time $(TIME) --seed $(SEED)

# How many at random moments; beside these, one at each system call that changes a file.
KILLS ?= 500

kills: $(VENV)/.installed-dev
	$(BIN)/python -m fuzz.kills -n $(KILLS) --seed $(SEED)

registries: $(VENV)/.installed-dev
	$(BIN)/python -m fuzz.registries

mutants: $(VENV)/.installed-mutants
	$(BIN)/python -m mutants --sample $(SAMPLE) --seed $(SEED)

# The slips of the hand that tests did not notice once: none may survive.
slips: $(VENV)/.installed-mutants
	$(BIN)/python -m mutants --slips

campaign: $(VENV)/.installed-dev
	$(BIN)/python -m fuzz.campaign -n $(N) --seed $(SEED)

sweep: $(VENV)/.installed-dev
	$(BIN)/python -m fuzz.campaign --sweep

# The help texts, the manual pages and the shapes of the JSON documents that a test holds; for a change that is made on purpose.
frozen: $(VENV)/.installed-dev
	$(BIN)/python -m tests.frozen.faces
	$(BIN)/python -m tests.frozen.screens
	$(BIN)/python -m tests.frozen.command_screens
	rm -rf man && $(BIN)/python -m airgap.cli.manual man

# The documents as a site, in site/VERSION; it opens without a server and without a network.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

# The pages of docs/reference/requirements, from their .toml files and from what cites the rules.
requirements: $(VENV)/.installed-dev
	$(BIN)/python -m tests.architecture.requirements

# What is handed to others, in dist/: docs/how-to/make-a-release.md. Its tools have an environment of their own.
DIST_VENV := .venv-dist

dist: $(DIST_VENV)/.installed
	$(DIST_VENV)/bin/python -m distribution $(if $(CHANGED),--allow-changes) $(if $(SIGN_KEY),--sign-key $(SIGN_KEY))

# As root: without network, in an empty root, and with each Python that is installed.
dist-check: $(DIST_VENV)/.installed $(VENV)/.installed-dev
	$(DIST_VENV)/bin/python -m distribution --check

# Asks a database of known faults about the locked versions, and fails where none answers.
audit: $(DIST_VENV)/.installed
	$(DIST_VENV)/bin/python -m distribution --audit

clean:
	rm -rf $(VENV) $(DIST_VENV) build dist .fuzz .mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "airgap needs Python 3.11 or newer; name one: make PYTHON=python3.12 demo" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	$(BIN)/python -m compileall -q airgap
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/.installed-docs $(VENV)/.installed-fuzz $(VENV)/.installed-mutants $(VENV)/.installed-pkits: $(VENV)/.installed-%: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	@touch $@

$(DIST_VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(DIST_VENV)
	$(DIST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dist]'
	@touch $@
