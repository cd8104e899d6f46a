"""The command, as the package brings it: `python -m igql` and the console script."""

from __future__ import annotations

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import sysconfig
import time

import igql
import pytest

from .conftest import world


def command(*args: object) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "igql", *[str(arg) for arg in args]]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_it_runs_programs(films: pathlib.Path, tmp_path: pathlib.Path) -> None:
    program = tmp_path / "page.igql"
    program.write_text("all(film).score(rating).take(2)")
    done = command("run", program, "--catalog", films, "--user", 1, "--format", "json")
    assert done.returncode == 0, done.stderr
    ours = igql.open(films).compile(path=program).run(user=1)
    shown = json.loads(done.stdout)
    assert shown["results"] == ours.to_dict()["results"] and shown["snapshot"] == ours.snapshot


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [("all(film).take(2)", [], 0), ("all(film).tke(2)", [], 1), ("all(film)", ["--usr", "1"], 2)],
)
def test_it_ends_with_the_codes_of_the_command(
    films: pathlib.Path, tmp_path: pathlib.Path, text: str, more: list[str], code: int
) -> None:
    program = tmp_path / "page.igql"
    program.write_text(text)
    done = command("run", program, "--catalog", films, *more)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_version_and_help() -> None:
    assert command("--version").stdout.strip() == f"igql {igql.__version__}"
    assert "Usage: igql" in command("--help").stdout


def test_standard_output_that_is_closed_is_no_error(films: pathlib.Path) -> None:
    pipe = f"{sys.executable} -m igql describe --catalog {films} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", pipe], capture_output=True, text=True, timeout=120, check=False)
    assert "catalog films" in done.stdout and "Traceback" not in done.stderr


def test_ctrl_c_ends_it(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "large")
    rows = "\n".join(f"{i % 3 + 1},{10 + i % 5},2021-01-01" for i in range(4_000_000))
    (folder / "likes.csv").write_text("person_id,film_id,at\n" + rows + "\n")
    words = [sys.executable, "-m", "igql", "build", "--catalog", str(folder)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.0)
    assert running.poll() is None
    begun = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    # as a command: no trace of Python, and the shell sees the signal
    assert time.monotonic() - begun < 2.0
    assert running.returncode in (-signal.SIGINT, 130) and "Traceback" not in said


def test_the_console_script_is_the_same() -> None:
    script = pathlib.Path(sysconfig.get_path("scripts")) / "igql"
    if not script.exists():
        pytest.skip("the package is not installed, but on the path")
    done = subprocess.run([shutil.which(script) or "", "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"igql {igql.__version__}"
