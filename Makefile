# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11–3.13 with venv, make and git.
PYTHON ?= python3
BIN := .venv/bin
RUN_STAMP := .venv/.installed-run
TEST_STAMP := .venv/.installed-test
export DO_NOT_TRACK := 1
export TF_CPP_MIN_LOG_LEVEL ?= 2
# Where it is set, each process compiles TensorFlow's and Prefect's Python files anew: 8 s of CPU and more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test soak bench lint dist clean

demo: $(RUN_STAMP)
	@$(BIN)/wrist demo

test: $(TEST_STAMP)
	@$(BIN)/python -m pytest -m "not soak and not gpu" -n 3 --dist loadfile

soak: $(TEST_STAMP)
	@$(BIN)/python requirements/install.py requirements/lite0.txt
	@$(BIN)/python -m pytest -m soak

bench: $(TEST_STAMP)
	@$(BIN)/python -m benchmarks

lint: $(TEST_STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

dist: $(TEST_STAMP)
	@rm -rf dist
	@$(BIN)/python -c 'from setuptools.build_meta import build_sdist; build_sdist("dist")' >/dev/null
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist dist/*.tar.gz
	@ls dist/*

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Wrist needs Python 3.11 to 3.13; {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12 demo")'
	@$(PYTHON) -m venv .venv

$(RUN_STAMP): requirements/run.txt requirements/uv.txt pyproject.toml | .venv/bin/python
	@echo "Installing the pinned dependencies into .venv (once; about 1 GB to fetch) …"
	@$(BIN)/python requirements/install.py requirements/run.txt
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST_STAMP): requirements/test.txt requirements/uv.txt pyproject.toml | .venv/bin/python
	@echo "Installing the pinned dependencies and what the tests need into .venv (once; about 1 GB to fetch) …"
	@$(BIN)/python requirements/install.py requirements/test.txt
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(RUN_STAMP) $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
