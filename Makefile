# Two commands: `make train` and `make test`. Both make .venv and install what they need, once.
# `make test` checks style (ruff) and types (mypy), which `make lint` does alone, and runs the tests.
# `make test-extras` tests launchers, sweepers, loggers and files that need packages of their own.
# `make test-hf` compares mixture layers with those of transformers, and records its models.
# `make soak` kills runs and sweeps N times (200) at moments that the dice choose, and trains a thousand runs in a row.
# `make bench` measures what benchmarks/README.md claims, in about a quarter of an hour; `make bench-quick` roughly.
# `make docs` builds the documentation site in docs/_site, with two reports that it makes first.
# `make docs-check` looks for what makes a report hard to read for some, with axe-core; needs npm and Chromium.
PYTHON ?= python3
N ?= 200
BIN := .venv/bin

.PHONY: train test test-extras test-hf soak bench bench-quick lint docs docs-check clean

train: .venv/installed
	$(BIN)/moe-lab train
	@echo "next: source $(BIN)/activate, and the tutorial, your first study in fifteen minutes: docs/tutorial.md"

test: lint
	$(BIN)/python -m pytest -n 3 --dist loadfile

test-extras: .venv/installed-extras
	$(BIN)/python -m pytest -m extras tests/extras tests/security

test-hf: .venv/installed-hf
	$(BIN)/python -m pytest -m hf tests/hf

soak: .venv/installed-dev
	N=$(N) $(BIN)/python -m pytest -m soak tests/reliability

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.growth

bench-quick: .venv/installed-bench
	$(BIN)/python -m benchmarks --quick
	$(BIN)/python -m benchmarks.growth --quick

lint: .venv/installed-dev
	$(BIN)/ruff check moe_lab benchmarks tests docs
	$(BIN)/ruff format --check moe_lab benchmarks tests docs
	$(BIN)/mypy

docs: .venv/installed-docs
	rm -rf docs/_site docs/_example
	$(BIN)/moe-lab train --runs docs/_example/example --name run -q
	$(BIN)/moe-lab sweep gate=softmax,attentive 'seed=range(0,6)' trainer.epochs=20 --runs docs/_example/example --name gates -q
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_site
	@echo docs/_site/index.html

docs-check: .venv/installed-dev
	npm install --no-audit --no-fund --prefix .venv/axe axe-core@4.14.1
	rm -rf .venv/axe/runs
	$(BIN)/moe-lab train trainer.epochs=2 --runs .venv/axe/runs --name run -q
	$(BIN)/moe-lab sweep gate=softmax,attentive seed=0,1 trainer.epochs=2 --runs .venv/axe/runs --name sweep -q
	$(BIN)/python -m docs.accessible .venv/axe/runs/run/report.html .venv/axe/runs/sweep/report.html

# torch, and what is needed to run experiments
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "moe-lab needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -c constraints.txt -e .
	touch $@

# and what is needed to test them
.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	touch $@

# and other projects' layers, to measure beside its own
.venv/installed-bench: .venv/installed-dev
	$(BIN)/python -m pip install -c constraints.txt -e ".[bench]"
	touch $@

# and the packages that some launchers, sweepers, loggers and files need
.venv/installed-extras: .venv/installed-dev
	$(BIN)/python -m pip install -c constraints.txt -e ".[slurm,ray,optuna,tensorboard,mlflow,parquet]"
	touch $@

# and the library whose models are recorded, and whose layers ours are compared with
.venv/installed-hf: .venv/installed-dev
	$(BIN)/python -m pip install -c constraints.txt -e ".[hf]"
	touch $@

# and what builds the documentation site
.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install -c constraints.txt -e ".[docs]"
	touch $@

clean:
	rm -rf .venv build dist docs/_site docs/_example *.egg-info
