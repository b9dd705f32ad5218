# The verbs of this repository. Each target sets up what it needs and nothing else: a virtual environment in .venv
# with the requirements that pyproject.toml names, and the wheel built from this tree.

PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_CASES ?= 100000

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
HAVE := $(VENV)/.have
# Every CPU, up to four; PYTEST_ARGS="-n 0" runs the tests in one process, which a debugger needs.
# Threads of OpenMP that spin while they wait take the cores from the other tests.
PYTEST := OMP_WAIT_POLICY=passive $(VENV)/bin/pytest -n logical --maxprocesses 4 --dist worksteal
PYTHON_CODE := python tests benches examples

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint bench bench-rust wheel clean clean-all fmt lint-static stubs test-rust test-python \
        test-fast test-upstream conformance conformance-all nightly test-kernel test-machines fuzz audit coverage dev rust

# PyO3 reads the settings of this interpreter whenever the feature `python` is on.
export PYO3_PYTHON := $(abspath $(PY))
# The tests must meet the installed wheel: a path to python/ would hide it.
unexport PYTHONPATH

# An environment whose interpreter is gone (Python upgraded, folder moved) is set up anew.
$(shell test -x $(PY) || rm -rf $(HAVE))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

# ---- what users want ----

demo: $(HAVE)/extra-demo $(HAVE)/installed ## Build mlfast and run it beside scikit-learn, a row for every room
	@$(PY) examples/demo.py

test: lint-static test-rust stubs test-python test-kernel test-upstream ## Everything that must hold: lint, Rust tests, wheel, Python tests

lint: lint-static stubs ## Formatting, clippy, ruff, mypy, stubs against the binary

bench: $(HAVE)/optional-bench $(HAVE)/installed ## Time mlfast against its peers: table, JSON and bar chart
	@$(PY) benches/compare/run.py $(BENCH_ARGS)

bench-rust: rust ## Micro-benchmarks of the kernels (cargo bench)
	cargo bench --features bench

wheel: wheels/.built ## Build the release wheel into wheels/
	@ls wheels/*.whl

clean: ## Remove what was built; .venv stays
	rm -rf target wheels benches/decisions/*/target demo-output bench-output examples/output
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache $(HAVE)/installed
	find $(PYTHON_CODE) -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

clean-all: clean ## Remove what was built and .venv
	rm -rf $(VENV)

# ---- what developers want ----

fmt: rust $(HAVE)/extra-lint ## Format Rust and Python, apply ruff's safe fixes
	cargo fmt
	$(VENV)/bin/ruff check --fix $(PYTHON_CODE)
	$(VENV)/bin/ruff format $(PYTHON_CODE)

lint-static: rust $(HAVE)/extra-lint ## Lint without building the wheel
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
	  || { echo "lint needs rustfmt and clippy: rustup component add rustfmt clippy"; exit 1; }
	cargo fmt --check
	cargo clippy --all-targets --features python,bench -- -D warnings
	$(VENV)/bin/ruff check $(PYTHON_CODE)
	$(VENV)/bin/ruff format --check $(PYTHON_CODE)
	$(VENV)/bin/mypy

coverage: $(HAVE)/extra-test $(HAVE)/installed ## Write the tables of docs/coverage.md from the code
	@$(PY) -m tests.coverage_page

stubs: $(HAVE)/extra-lint $(HAVE)/installed ## Compare _core.pyi with the built module
	$(PY) -m mypy.stubtest --mypy-config-file pyproject.toml mlfast._core

test-rust: rust ## Rust tests; Python is not needed
	cargo test

test-python: $(HAVE)/extra-test $(HAVE)/installed ## Build and install the wheel, run pytest (PYTEST_ARGS="-k kmeans")
	$(PYTEST) $(PYTEST_ARGS)

# Parity in every room. The same tests are part of test-python, which is where their skips are looked at.
KERNEL_TESTS := $(addprefix tests/,cluster/test_kmeans.py ensemble/test_isolation.py impute linear_model/test_logistic.py \
                linear_model/test_ordinary.py metrics/test_pairwise.py neighbors/test_nearest_centroid.py \
                neural_network/test_perceptron.py svm tree/test_fitting.py)

# Every x86-64 runs Prescott's kernel and none that is in use today chooses it.
test-kernel: $(HAVE)/extra-test $(HAVE)/installed ## Some of the Python tests under another BLAS kernel than the machine's own
	OPENBLAS_CORETYPE=Prescott $(PYTEST) $(KERNEL_TESTS)

test-fast: $(HAVE)/extra-test $(HAVE)/installed ## A sample of the Python tests, under 3 minutes (tests/README.md)
	$(PYTEST) --tier=fast $(PYTEST_ARGS)

test-upstream: $(HAVE)/extra-test $(HAVE)/installed ## scikit-learn's tests of what mlfast replaces, with mlfast in place
	$(PY) -m tests.upstream.run --direct

conformance: $(HAVE)/extra-test $(HAVE)/installed ## All of scikit-learn's tests that touch it, stock and with mlfast
	$(PY) -m tests.upstream.run $(PYTEST_ARGS)

conformance-all: $(HAVE)/extra-test $(HAVE)/installed ## All of scikit-learn's tests, stock and with mlfast (hours)
	$(PY) -m tests.upstream.run --all $(PYTEST_ARGS)

nightly: $(HAVE)/extra-test $(HAVE)/optional-packages $(HAVE)/installed ## All Python tests, with many more Hypothesis examples (hours)
	HYPOTHESIS_PROFILE=nightly $(PYTEST) --timeout=3600 $(PYTEST_ARGS)

# Kernel of OpenBLAS, NumPy's vector functions that are switched off, instruction set of mlfast. Others than the
# processor has are left out. All settings run, whatever fails; PART=2/6 or PART="Prescott avx2" chooses some.
test-machines: $(HAVE)/extra-test $(HAVE)/installed ## The Python tests under the BLAS kernels and instruction sets of other machines (hours; PART=1/4)
	@settings=$$($(PY) -m tests.spread $(PART)) || exit 1; \
	 echo "$$settings" | { failed=0; report=; while IFS='|' read -r kernel off isa; do \
	   name="OPENBLAS_CORETYPE=$$kernel NPY_DISABLE_CPU_FEATURES='$$off' MLFAST_ISA=$$isa"; \
	   echo "$$name"; \
	   if OPENBLAS_CORETYPE="$$kernel" NPY_DISABLE_CPU_FEATURES="$$off" MLFAST_ISA="$$isa" \
	     $(PYTEST) $(PYTEST_ARGS) </dev/null; then result=passed; else result=FAILED; failed=1; fi; \
	   report="$$report$$result: $$name;"; \
	 done; echo "--- settings"; echo "$$report" | tr ';' '\n'; exit $$failed; }

fuzz: rust $(HAVE)/extra-test $(HAVE)/installed ## Arbitrary tables and edited models at the doors (FUZZ_CASES=1000000)
	PROPTEST_CASES=$(FUZZ_CASES) cargo test --test fuzz
	HYPOTHESIS_PROFILE=nightly $(PYTEST) --timeout=3600 tests/process/test_mutations.py tests/tree/test_state.py

audit: rust ## Licences, sources, bans and known faults of the crates (cargo-deny)
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check licenses bans sources
	@if cargo deny fetch db; then cargo deny check advisories; \
	 else echo "Note: RustSec's database cannot be reached, so known faults were not looked up."; fi

dev: rust $(HAVE)/extra-build $(HAVE)/extra-test $(HAVE)/extra-lint ## Install in place (maturin develop --release)
	@rm -f $(HAVE)/installed
	VIRTUAL_ENV=$(abspath $(VENV)) $(VENV)/bin/maturin develop --release

# ---- the wheel: built when a source is newer, installed when the wheel is newer ----

# Folders are listed too: their time changes when a file goes away.
SOURCES := $(shell find src python -not -path '*/__pycache__*' \( -type d -o -name '*.rs' -o -name '*.py' \
                 -o -name '*.pyi' -o -name '*.pth' -o -name py.typed \) 2>/dev/null) \
           Cargo.toml $(wildcard Cargo.lock) pyproject.toml README.md LICENSE

wheels/.built: $(SOURCES) | rust $(HAVE)/extra-build
	@if test -e $@; then echo "Building mlfast again: a source has changed."; \
	 else echo "Building mlfast (first time: a few minutes)..."; fi
	@rm -f wheels/*.whl
	@$(PY) -m maturin build --release --out wheels
	@touch $@

$(HAVE)/installed: wheels/.built $(HAVE)/venv
	@echo "Installing the wheel into $(VENV)"
	@$(PIP) install --force-reinstall --no-deps wheels/mlfast-*.whl
	@touch $@

# ---- the environment ----

# Prints the project's dependencies and those of the named groups, one a line: an extra, or `build` for the back end.
# The project itself is left out, so that installing tools never builds it.
define PRINT_REQUIREMENTS
import pathlib, sys, tomllib
meta = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
project = meta["project"]
groups = {"build": meta["build-system"]["requires"], **project["optional-dependencies"]}
wanted = project["dependencies"] + [line for name in sys.argv[1:] for line in groups[name]]
print("\n".join(line for line in wanted if not line.startswith(project["name"] + "[")))
endef
export PRINT_REQUIREMENTS

rust:
	@cargo --version >/dev/null 2>&1 || { echo "mlfast is built with Rust, and cargo was not found: https://rustup.rs"; exit 1; }

# An environment that works and is new enough is kept.
$(HAVE)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "mlfast needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)"; \
	  echo "Name another one: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@$(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Creating $(VENV) with $$($(PYTHON) --version)"; \
	  $(PYTHON) -m venv --clear $(VENV) || { \
	    echo "$(PYTHON) cannot make virtual environments (Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }; }
	@mkdir -p $(HAVE)
	@touch $@

$(HAVE)/extra-%: pyproject.toml $(HAVE)/venv
	@echo "Installing what '$*' needs into $(VENV)"
	@$(PY) -c "$$PRINT_REQUIREMENTS" $* > $(HAVE)/$*.txt
	@$(PIP) install -r $(HAVE)/$*.txt
	@touch $@

# Peers (bench) and packages that build on scikit-learn (packages) are optional: one that cannot be installed is named,
# and the comparison or the tests leave it out.
$(HAVE)/optional-%: pyproject.toml $(HAVE)/venv
	@$(PY) -c "$$PRINT_REQUIREMENTS" > $(HAVE)/base.txt
	@$(PY) -c "$$PRINT_REQUIREMENTS" $* | grep -vxFf $(HAVE)/base.txt > $(HAVE)/$*.txt
	@while read -r peer; do \
	   echo "Installing $$peer into $(VENV)"; \
	   $(PIP) install "$$peer" -r $(HAVE)/base.txt </dev/null || echo "Note: $$peer could not be installed and is left out."; \
	 done < $(HAVE)/$*.txt
	@touch $@
