# .venv runs and tests everything; .venv-sam holds the SAM CLI and .venv-checkov the template's
# security checks, each alone, because their pins and the emulator's cannot be met together. All
# come from locks with hashes.

.PHONY: help demo up test check benchmark contracts deploy lock clean
.DEFAULT_GOAL := help

# Arguments for the command, for example: make demo ARGS="--json"
ARGS ?=

VENV := .venv/.ready
SAM := .venv-sam/.ready
CHECKOV := .venv-checkov/.ready

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
	@echo 'make demo    turn a picture into videos through both doors, on this machine'
	@echo 'make up      start the whole application on this machine, until Ctrl-C'
	@echo 'make test    run every check'
	@echo 'make benchmark  show how much memory a copy takes'
	@echo 'make contracts  write functions/openapi.json and asyncapi.json anew, from the code'
	@echo 'make deploy  build and deploy to AWS, with questions'

demo: $(VENV)
	@.venv/bin/i2v demo $(ARGS)

up: $(VENV)
	@.venv/bin/i2v up $(ARGS)

test: check
	.venv/bin/pytest -n 2 --dist worksteal $(ARGS)

check: $(VENV) $(SAM) $(CHECKOV)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv-checkov/bin/checkov -f template.yaml --framework cloudformation --skip-download --quiet --compact

benchmark: $(VENV)
	@.venv/bin/python tests/benchmarks/copy_memory.py

# What the API and the events promise, from the code itself; a test compares.
contracts: $(VENV)
	@.venv/bin/python -c 'import json, functions.api.app as api; \
		print(json.dumps(api.describe(api.app, api.__version__), indent=2, ensure_ascii=False))' > functions/openapi.json
	@.venv/bin/python -c 'import json; from image_to_video.contract.asyncapi import event_catalogue; \
		print(json.dumps(event_catalogue(), indent=2))' > functions/asyncapi.json

deploy: $(VENV) $(SAM)
	@$(find_python); export PATH="$$(dirname "$$python"):$$PATH" SAM_CLI_TELEMETRY=0; \
	.venv-sam/bin/sam build && .venv-sam/bin/sam deploy --guided

# Needs uv on the PATH. The index is left out: a lock is the same wherever packages come from.
lock:
	uv pip compile pyproject.toml --group local --group test --group build --universal \
		--python-version 3.13 --generate-hashes --no-emit-index-url --no-header -o requirements.lock
	uv pip compile --group sam --universal \
		--python-version 3.13 --generate-hashes --no-emit-index-url --no-header -o requirements-sam.lock
	uv pip compile --group checkov --universal \
		--python-version 3.13 --generate-hashes --no-emit-index-url --no-header -o requirements-checkov.lock

clean:
	rm -rf .venv .venv-sam .venv-checkov .python .aws-sam .local out

$(VENV): requirements.lock pyproject.toml layers/core/requirements.txt
	@$(find_python); \
	echo "Setting up .venv with $$python (once; about a minute) ..."; \
	rm -rf .venv && "$$python" -m venv .venv \
	&& .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock \
	&& .venv/bin/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps --editable . \
	&& touch $@

$(SAM): requirements-sam.lock
	@$(find_python); \
	echo "Setting up .venv-sam with the SAM CLI (once; about a minute) ..."; \
	rm -rf .venv-sam && "$$python" -m venv .venv-sam \
	&& .venv-sam/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-sam.lock \
	&& touch $@

$(CHECKOV): requirements-checkov.lock
	@$(find_python); \
	echo "Setting up .venv-checkov with checkov (once; about a minute) ..."; \
	rm -rf .venv-checkov && "$$python" -m venv .venv-checkov \
	&& .venv-checkov/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-checkov.lock \
	&& touch $@
