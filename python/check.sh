#!/usr/bin/env bash
# Builds the wheel, installs it into an environment of its own, and tests it as a user has it: `.ci/run` calls this.
# Needs Rust, CPython 3.11 or newer with pip, and what these fetch from crates.io and PyPI. `PYTHON` names another interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"${PYTHON:-python3}" -m venv "$place/venv"
python="$place/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check \
  'maturin>=1.9,<2' pytest mypy pyarrow polars pandas duckdb ipython nbclient ipykernel

# A build for tests: dependencies as `cargo test` has them, the engine without optimisation, because it is compiled once more
# (the package asks for other features of some dependencies). What is measured is measured on `pip install ./python`.
"$place/venv/bin/maturin" build --quiet --profile dev --config 'profile.dev.package.igql.opt-level=0' \
  --interpreter "$python" --manifest-path python/Cargo.toml --out "$place/wheels"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps "$place"/wheels/*.whl

# the tests stand apart from the sources, so that what is imported is what was installed
cp -R python/tests "$place/tests"
cp python/pyproject.toml "$place/"
export IGQL_ROOT="$PWD"
cd "$place"
"$python" -m pytest -q -p no:cacheprovider tests
"$python" -m mypy --strict -p igql
"$python" -m mypy --strict tests
