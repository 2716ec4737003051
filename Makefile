PYTHON := .venv/bin/python
COMPILE := $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run:  ## set up what is missing and start the desk (ARGS="--box box.toml")
	@python3 tools/setup.py run
	@exec $(PYTHON) -m appliance run $(ARGS)

llm:  ## build the engine for language models, once
	@python3 tools/setup.py llm

# What failed beside another test is tried once more alone, for some keep time with the world; a run that broke off
# is no such failure.
test: setup-test lint  ## set up what the tests need and run them (ARGS="-k wake")
	$(PYTHON) -m pytest -n 2 --tb=native --durations=15 $(ARGS); code=$$?; \
	if [ $$code -ne 1 ]; then exit $$code; fi; $(PYTHON) -m pytest --lf --lfnf=none

test-slow: setup-test  ## the tests that take minutes or hours
	$(PYTHON) -m pytest --durations=15 -m slow --timeout=0 $(ARGS)

KEYS ?= $(HOME)/.config/appliance/update-keys

image: $(KEYS)  ## the image that is flashed, and signed updates (BOARD=rpi5, arm64 or amd64); needs root
	$(PYTHON) image/make $(BOARD) --keys $(KEYS) $(ARGS)

$(KEYS):
	image/keys $@

test-image: setup-test  ## build the images that are not there and try them, in a container and in emulators: hours, as root
	for board in amd64 arm64 rpi5; do \
		test -f build/image/$$board.img || $(MAKE) image BOARD=$$board || exit 1; done
	APPLIANCE_KEYS=$(KEYS) $(PYTHON) -m pytest -s -m slow --timeout=0 tests/image $(ARGS)

check: setup-test lint  ## lint and types only

lint:
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy -p image
	$(PYTHON) -m mypy tools/setup.py tools/build_llama.py
	$(PYTHON) -m mypy tools/install

setup-test:
	@python3 tools/setup.py test

audit:  ## look for known holes in what is locked, and write sbom.json
	$(PYTHON) tools/audit.py
	$(PYTHON) tools/sbom.py sbom.json

lock:  ## choose the newest versions that fit, and lock them
	$(PYTHON) -m pip install --quiet uv==0.13.9
	$(COMPILE) --upgrade pyproject.toml --extra llm --group build --no-emit-package llama-cpp-python \
		-o requirements.lock
	$(COMPILE) --upgrade pyproject.toml --extra llm --group build --group dev \
		--no-emit-package llama-cpp-python -c requirements.lock -o requirements-dev.lock
	sed -n 's/^llm = \["\(.*\)"\]/\1/p' pyproject.toml | $(COMPILE) --no-deps - -o requirements-llm.lock

clean:  ## remove everything that was set up, models and kept wheels excepted
	rm -rf .venv build .setup.log .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info \
		tests/console/node_modules
	find appliance tests tools -name __pycache__ -prune -exec rm -rf {} +

# Checks need what set-up brings, whatever -j says.
.NOTPARALLEL:

.PHONY: help run llm test test-slow image test-image check audit lint setup-test lock clean
