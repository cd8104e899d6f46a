"""Types as other people's mypy sees them."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import igql
import pytest

from . import typed_example

HERE = pathlib.Path(__file__).parent

# what is Any is nobody's mistake
WRONG = """
import igql
program = igql.open().compile("user", quary="main")
program.run(user=1.5)
program.run(at=5)
program.run_batch(5)
program.run(1)["x"][0].nothing_is_wrong_here
igql.replay("page.igql", truth="likes")
igql.function(args=["text"], returns="int")
"""


def mypy(*args: object) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(HERE.parent / "pyproject.toml")]
    return subprocess.run(
        [*words, *[str(arg) for arg in args]], capture_output=True, text=True, timeout=300, check=False, cwd=HERE.parent
    )


def test_an_application_is_typed(films: pathlib.Path) -> None:
    pytest.importorskip("mypy")
    done = mypy("-m", "tests.typed_example")
    assert done.returncode == 0, done.stdout
    assert typed_example.main(str(films)) == [14, 13]


def test_mistakes_are_found(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "wrong.py").write_text(WRONG)
    done = mypy(tmp_path / "wrong.py")
    lines = [int(line.split(":")[-3]) for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == [3, 4, 5, 6, 8, 9], done.stdout


def test_stubs_have_what_there_is() -> None:
    pytest.importorskip("mypy")
    words = [sys.executable, "-m", "mypy.stubtest", "igql._igql", "--ignore-missing-stub", "--concise"]
    done = subprocess.run(
        [*words, "--mypy-config-file", str(HERE.parent / "pyproject.toml")],
        capture_output=True, text=True, timeout=300, check=False, cwd=pathlib.Path(igql.__file__).parent.parent,
    )  # fmt: skip
    # aliases are of the stub alone; answers are gone through by their numbers
    known = {"ArrowStream", "Key", "Path", "Time", "Users", "Answers.__iter__"}
    said = [line for line in done.stdout.splitlines() if "not present at runtime" in line or "subclassed" in line]
    missing = [line.split()[0].removeprefix("igql._igql.") for line in said]
    assert set(missing) <= known, done.stdout
