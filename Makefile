# `make demo` and `make test` work as the first command on a machine with Python 3.11+ (with venv), make and git.
#   make help     what there is
#   make          only the environment: .venv with the pinned dependencies
#   CPU=1         on Linux: torch's CPU build, gigabytes smaller than the CUDA one; `make CPU=1 demo`
#   PYTHON=...    another interpreter than the first of python3, python3.14 ... python3.11 that is new enough
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
TORCH := $(if $(CPU),--extra-index-url https://download.pytorch.org/whl/cpu)

# Hundreds of processes import the package here: that they keep what Python has compiled, images of containers switch off.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: env help demo lab exercises site slides lint examples browser test test-all fuzz kills mutants audit clean
env: $(STAMP)

help:
	@echo "make demo       images to clusters beside eleven baselines, with a report: demo/report.html"
	@echo "make lab        the course, in JupyterLab"
	@echo "make exercises  the students' copies of the notebooks, and the quiz"
	@echo "make site       the course and the documents as web pages: site/index.html (FAST=1, SOLUTIONS=no)"
	@echo "make slides     a deck of slides for each lesson: slides/index.html (FAST=1)"
	@echo "make test       lint, types, examples, tests; make test-all: the slow ones, too"
	@echo "make            only the environment, .venv; make clean: away with all of that"

# The stamp is written last, so an installation that failed is tried again.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: on Debian or Ubuntu, apt-get install python3-venv"; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) (once, a few minutes) ..."
	@$(PIP) install -c constraints.txt $(TORCH) -e '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/workbench demo -o demo

# JupyterLab on the course's first page. It refuses to run as root, which is who one is in most containers: ROOT=yes says so.
lab: $(STAMP)
	@test "$$(id -u)" != 0 -o -n "$(ROOT)" || { \
		echo "You are root, and JupyterLab does not start as root unasked: who reaches its page may do all that root may."; \
		echo "In a container that only you reach:   make lab ROOT=yes"; \
		echo "It then answers on every address of the container, port 8888; open the address with the token that it prints."; \
		echo "Elsewhere: log in as an ordinary user who may write here, and run make lab again."; exit 1; }
	$(BIN)/jupyter lab --notebook-dir=notebooks $(if $(ROOT),--allow-root --ip=0.0.0.0 --no-browser) notebooks/START.ipynb

# notebooks/solutions/ -> notebooks/, the students' copies, and the quiz: generated, committed, compared by a test.
exercises: $(STAMP)
	$(BIN)/python -m workbench.course exercises

# The course as web pages in site/: every notebook executed. FAST=1: in fast mode, minutes less. SOLUTIONS=no: for students.
site: $(STAMP)
	$(BIN)/python -m workbench.course site $(if $(FAST),--fast) $(if $(filter no,$(SOLUTIONS)),--no-solutions)

# A deck a lesson in slides/, to be shown without a network. FAST=1: run in fast mode.
slides: $(STAMP)
	$(BIN)/python -m workbench.course slides $(if $(FAST),--fast)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(GIVING_WAY) $(BIN)/mypy

# The examples of the docstrings, in the plain package.
examples: $(STAMP)
	$(GIVING_WAY) $(BIN)/pytest --doctest-modules workbench --ignore=workbench/graph/_triton.py

# The tests, which check shapes at run time. Those of the browser first; lint and examples beside them give way, as a page does
# not like to wait. Then the others, two files at a time (JOBS=...). All on one thread each: several that wait for one another
# are slow where there are more of them than cores.
JOBS ?= 2
CHOSEN := -m "not slow"
test browser examples: export OMP_NUM_THREADS := 1
test: $(STAMP)
	$(MAKE) --jobs=3 GIVING_WAY=nice browser lint examples
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder \
		--ignore=tests/benchmarks --ignore=tests/browser tests $(CHOSEN)

browser: $(STAMP)
	$(BIN)/pytest tests/browser $(CHOSEN)

# With the slow ones, and more examples of each property.
test-all: $(STAMP)
	$(PIP) install -c constraints.txt -e '.[grading]'
	$(MAKE) test CHOSEN=--hypothesis-profile=many

# What must not break, tried many times; `make test` tries each a little. Damaged files: ten thousand for each of fourteen readers
# (some 20 minutes on a quiet machine), and once more by Atheris, which sees what code they reach; it has wheels for Linux and
# Python 3.11 to 3.13, and lives beside the environment. Jobs killed at random moments. Faults planted in the code, which tests
# must notice.
GUIDED := build/atheris
fuzz: $(STAMP)
	$(BIN)/python tests/robustness/fuzz.py --inputs 10000
	$(PIP) install --upgrade --target $(GUIDED) atheris
	PYTHONPATH=$(GUIDED) $(BIN)/python tests/robustness/guided.py --inputs 10000

kills: $(STAMP)
	$(BIN)/python tests/robustness/kills.py --kills 200

mutants: $(STAMP)
	$(BIN)/python tests/robustness/mutants.py --mutants 250

# Of all that is installed: versions as an SBOM (CycloneDX), licences, and known vulnerabilities where the public list can be
# asked. The three tools live in an environment of their own.
AUDIT := build/audit
audit: $(STAMP)
	@$(BIN)/python -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip --quiet --disable-pip-version-check install pip-audit cyclonedx-bom pip-licenses
	$(AUDIT)/bin/cyclonedx-py environment -o build/sbom.json $(BIN)/python
	$(AUDIT)/bin/pip-licenses --python=$(BIN)/python --order=license --format=markdown --output-file=build/licences.md
	$(AUDIT)/bin/pip-audit --strict --skip-editable --timeout 20 --path $$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')

clean:
	rm -rf $(VENV) demo site slides build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
