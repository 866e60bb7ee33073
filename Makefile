# .venv runs everything and, with the test tools, tests everything: `make demo`, `make up` and
# `make deploy` install what they run, `make check` and `make test` add the rest. .venv-sam holds the
# SAM CLI, .venv-checkov the template's security checks, .venv-clients what makes clients of the
# published contracts and .venv-charts what draws charts, each alone, because few need them and
# their pins and the emulator's cannot all be met together. All come from locks with hashes.

.PHONY: help demo up check test lint benchmark contracts crash-points release-archive deploy lock clean
.DEFAULT_GOAL := help
# Targets share environments, and the tests use both cores anyway.
.NOTPARALLEL:

# Arguments for the command, for example: make demo ARGS="--json"
ARGS ?=

TEST := .venv/.ready
# A .venv with the test tools holds all that the demo runs.
LOCAL := $(if $(wildcard $(TEST)),$(TEST),.venv/.ready-local)
SAM := .venv-sam/.ready
CHECKOV := .venv-checkov/.ready
CLIENTS := .venv-clients/.ready
CHARTS := .venv-charts/.ready

# Sets $$python to the real executable of a Python 3.13, not to the shim of a version manager. As
# a last resort uv, where it is installed, fetches one into this folder.
define find_python
	export UV_PYTHON_INSTALL_DIR="$(CURDIR)/.python"; python=; \
	for candidate in $(PYTHON) python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
		/usr/local/bin/python3.13 python3 "uv run --no-project --python 3.13 python"; do \
		python=$$($$candidate -c 'import ensurepip, os, sys, venv; sys.version_info[:2] == (3, 13) \
			and print(os.path.realpath(sys.executable))' 2>/dev/null); \
		test -n "$$python" && break; \
	done; \
	if test -z "$$python"; then \
		echo "Python 3.13 is needed and was not found: install it (python.org, pyenv install 3.13," \
			"or your system's python3.13 and python3.13-venv), or name it: make PYTHON=/path/to/python3.13" >&2; \
		exit 1; \
	fi
endef

help:
	@echo 'make demo          turn a picture into two videos on this machine, one by REST, one by S3 upload'
	@echo 'make up            run the whole application on this machine, until Ctrl-C'
	@echo 'make check         the fast lane: format, lint, types, unit tests'
	@echo 'make test          every check and every test'
	@echo 'make benchmark     measure cost, delay, queue, memory and starts; write benchmarks.json and a chart'
	@echo 'make contracts     write functions/public/openapi.json and asyncapi.json from the code'
	@echo 'make crash-points  count the crash points again into tests/faults/crash_points.json'
	@echo 'make release-archive  keep a release for the tests of upgrades: REVISION=v0.2.0 NAME=0.2.0'
	@echo 'make lock          resolve the dependencies again into requirements/'
	@echo 'make deploy        build and deploy to AWS, or to what make up runs: ARGS=--local'
	@echo 'make clean         remove the environments and whatever was built'

demo: $(LOCAL)
	@.venv/bin/i2v demo $(ARGS)

up: $(LOCAL)
	@.venv/bin/i2v up $(ARGS)

check: lint
	.venv/bin/pytest -n 2 tests/unit tests/repository $(ARGS)

test: lint $(SAM) $(CHECKOV) $(CLIENTS)
	.venv/bin/pytest -n 2 $(ARGS)

lint: $(TEST)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

benchmark: $(TEST) $(SAM) $(CHARTS)
	@.venv/bin/python -m tests.benchmarks $(ARGS)
	@.venv-charts/bin/python tests/benchmarks/chart.py

# What the API and the events promise, from the code itself; a test compares.
contracts: $(LOCAL)
	@.venv/bin/python -c 'import json; from image_to_video import __version__; \
		from image_to_video.contract.openapi import describe; \
		from functions.api.app import app; from functions.public.app import app as public; \
		from functions.receive_hint.app import app as hints; \
		document = describe((app, hints, public), __version__); \
		print(json.dumps(document, indent=2, ensure_ascii=False))' > functions/public/openapi.json
	@.venv/bin/python -c 'import json; from image_to_video.contract.asyncapi import event_catalogue; \
		print(json.dumps(event_catalogue(), indent=2))' > functions/public/asyncapi.json

# How many outside calls each scenario makes, and which: review the diff.
crash-points: $(TEST)
	@WRITE_CRASH_POINTS=1 .venv/bin/python -m pytest -q tests/faults/test_crash_points.py -k every_crash_point

# Keep the package of a release for the tests of upgrades: REVISION is its tag, NAME its version.
release-archive: $(TEST)
	@.venv/bin/python -m tests.upgrades.pack $(REVISION) $(NAME)

deploy: $(LOCAL) $(if $(findstring --local,$(ARGS)),,$(SAM))
	@.venv/bin/i2v deploy $(ARGS)

# Needs uv on the PATH. The index is left out: a lock is the same wherever packages come from.
COMPILE := uv pip compile --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header

lock:
	$(COMPILE) pyproject.toml --group local --group test --group build -o requirements/test.lock
	$(COMPILE) pyproject.toml --group local --group build -c requirements/test.lock -o requirements/local.lock
	$(COMPILE) --group sam -o requirements/sam.lock
	$(COMPILE) --group checkov -o requirements/checkov.lock
	$(COMPILE) --group clients -o requirements/clients.lock
	$(COMPILE) --group charts -o requirements/charts.lock

clean:
	rm -rf .venv .venv-sam .venv-charts .venv-checkov .venv-clients .python .aws-sam .local out

# Installs a lock and this project into .venv, keeping what is there already. Without a marker the
# last set-up was interrupted, and begins anew.
define set_up
	$(find_python); \
	echo "Setting up .venv with $$python for $(1) (once; $(2)) ..."; \
	test -e $(TEST) || test -e .venv/.ready-local || { rm -rf .venv && "$$python" -m venv .venv; } \
	&& rm -f $(TEST) .venv/.ready-local \
	&& .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(3) \
	&& .venv/bin/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps --editable . \
	&& touch .venv/.ready-local
endef

# Installs a lock into an environment of its own.
define set_up_alone
	$(find_python); \
	echo "Setting up $(1) with $(2) (once; about a minute) ..."; \
	rm -rf $(1) && "$$python" -m venv $(1) \
	&& $(1)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(3) \
	&& touch $(1)/.ready
endef

.venv/.ready-local: requirements/local.lock pyproject.toml layers/core/requirements.txt
	@$(call set_up,the demo,some 20 seconds,requirements/local.lock)

$(TEST): requirements/test.lock pyproject.toml layers/core/requirements.txt
	@$(call set_up,the tests,about a minute,requirements/test.lock) && touch $@

$(SAM): requirements/sam.lock
	@$(call set_up_alone,.venv-sam,the SAM CLI,requirements/sam.lock)

$(CHECKOV): requirements/checkov.lock
	@$(call set_up_alone,.venv-checkov,checkov,requirements/checkov.lock)

$(CLIENTS): requirements/clients.lock
	@$(call set_up_alone,.venv-clients,the makers of clients,requirements/clients.lock)

$(CHARTS): requirements/charts.lock
	@$(call set_up_alone,.venv-charts,what draws charts,requirements/charts.lock)
