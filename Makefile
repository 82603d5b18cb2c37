# Plain make and sh: macOS's make 3.81 reads this too. `make` alone lists the targets.

BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := .venv/$(BIN)/python
LAB_READY := .venv/.lab-ready
TEST_READY := .venv/.test-ready
LESSONS := $(wildcard notebooks/*.ipynb)
STARTED := $(shell date +%s)

# Sets $python to the first Python that runs, is new enough and can make environments: a name on
# the PATH proves nothing, a pyenv shim may stand for a version that is not installed.
find_python = for python in "$(PYTHON)" python3.13 python3.12 python3.11 python3 python ""; do \
		"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
			>/dev/null 2>&1 && break; \
	done; \
	[ -n "$$python" ] || { echo "chatkit needs Python 3.11 or later with venv: install it from" \
		"python.org, or say where it is with PYTHON=/path/to/python." >&2; exit 1; }

# The stamps are written last, so that an install that was interrupted is done again.
define install
	@rm -f $(LAB_READY) $(TEST_READY)
	@$(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || { \
	$(find_python); \
	rm -rf .venv && "$$python" -m venv .venv; }
	@echo "Installing $(1) into .venv: once, and it takes a minute or two …"
	@$(PY) -m pip install -qq --disable-pip-version-check --no-compile -c constraints.txt -e '$(2)'
endef

.PHONY: help lab test check format sync notebooks soak screenshots lock clean

help: ## list these targets
	@if [ -t 1 ] && [ -z "$$NO_COLOR" ]; then bold='\033[1m' plain='\033[0m'; fi; \
	awk -v bold="$$bold" -v plain="$$plain" -F ':.*## ' \
		'/^[a-z]+:.*## / { printf "  %smake %-12s%s %s\n", bold, $$1, plain, $$2 }' Makefile

lab: $(LAB_READY) ## open the lessons in JupyterLab (LAB_ARGS="--port 9999" is passed on)
	@$(PY) -m chatkit.cli lab notebooks $(LAB_ARGS)

test: check ## run everything: lint, types, unit, socket, notebook and browser tests
	@$(PY) -m tests.system
	@CHATKIT_STARTED=$(STARTED) $(PY) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder \
		--nbval --nbval-current-env --nbval-cell-timeout 60 tests $(LESSONS)

check: $(TEST_READY) ## lint, formatting and types alone
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet || { echo "Unformatted: run make format." >&2; exit 1; }
	@$(PY) -m mypy

format: $(TEST_READY) ## mend what lint can mend, and format
	@$(PY) -m ruff check --fix --quiet; $(PY) -m ruff format

sync: $(TEST_READY) ## write the lessons' cells from the package and the exercises
	@$(PY) -m tests.notebooks.sync

notebooks: $(TEST_READY) ## run all lessons afresh and store their outputs (ONLY="notebooks/02-…" for some)
	@$(PY) -m tests.notebooks.run $(ONLY)

soak: $(LAB_READY) ## have 1,000 people talk, come and go for five minutes: is anything lost?
	@$(PY) -m chatkit.cli soak $(SOAK_ARGS)

screenshots: $(TEST_READY) ## make the two screenshots in the README again
	@$(PY) -m tests.browser.screenshots

lock: ## pin the newest versions that pyproject.toml allows in constraints.txt
	@$(find_python); "$$python" .ci/lock.py

clean: ## remove .venv and everything else that can be made again
	@rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(LAB_READY): pyproject.toml constraints.txt
	$(call install,the lessons and JupyterLab,.[redis])
	@touch $(LAB_READY)

$(TEST_READY): pyproject.toml constraints.txt
	$(call install,chatkit and what tests it,.[test])
	@touch $(LAB_READY) $(TEST_READY)
