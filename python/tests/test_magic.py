"""The magic `%%igql`, in the shell of a notebook."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import igql
import pytest

IPython = pytest.importorskip("IPython")


EVERYTHING = "all(film).take(9)"


@pytest.fixture
def shell(films: pathlib.Path) -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    main = sys.modules["__main__"]
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_cell(f"%load_ext igql\nimport igql\nfilms = igql.open({str(films)!r})")
    yield shell
    shell.reset(new_session=True)
    InteractiveShell.clear_instance()
    # the shell puts a module of its own in its place
    sys.modules["__main__"] = main


def asked(shell: Any, line: str, cell: str = "param least: float = 0.0\nall(film).unseen().filter(rating >= least)") -> Any:
    return shell.run_cell_magic("igql", line, cell)


def test_a_cell_is_a_program(shell: Any) -> None:
    answer = asked(shell, "--user 1 --out found")
    assert isinstance(answer, igql.Answer) and answer["film_id"] == [13, 14]
    assert shell.user_ns["found"] is answer
    assert shell.user_ns.get("_igql") is None
    asked(shell, "--user 1")
    assert isinstance(shell.user_ns["_igql"], igql.Answer)


def test_options(shell: Any) -> None:
    answer = asked(shell, "--user 1 --param least=7.0 --at 2021-02-01 --seed 3 --why --engine films")
    assert isinstance(answer, igql.Answer) and answer["film_id"] == [14] and answer[0].why is not None
    assert answer.now.month == 2
    two = "query a = all(film).take(1)\nquery b = all(film).take(2)"
    answer = asked(shell, "--query b", two)
    assert isinstance(answer, igql.Answer) and len(answer) == 2
    missing = asked(shell, "--user 1 --why-not 10")
    assert isinstance(missing, igql.Answer) and missing.why_not[0]["film_id"] == 10


def test_plans(shell: Any) -> None:
    assert isinstance(asked(shell, "--explain"), igql.Plan)


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        ("--user 1", "user.likd()", "E0202"),
        ("--usr 1", "all(film)", "%%igql: unrecognized arguments: --usr 1"),
        ("--user anna", "all(film)", "user"),
        ("--engine nobody", "all(film)", "the variable `nobody` is no engine"),
        ("--param least", "all(film)", "expected NAME=VALUE"),
        ("--seed x", "all(film)", "--seed"),
        ("--user 'x", "all(film)", "quotation"),
    ],
)
def test_mistakes_end_the_cell_without_a_trace(
    shell: Any, capsys: pytest.CaptureFixture[str], line: str, cell: str, said: str
) -> None:
    shell.user_ns["found"] = "of before"
    ended = shell.run_cell(f"%%igql {line} --out found\n{cell}")
    # a notebook that runs by itself stops here
    assert not ended.success and said in str(ended.error_in_exec)
    out = capsys.readouterr().out
    assert said in out and "Traceback" not in out and "_magic.py" not in out


def test_engines_are_found_or_named(shell: Any, films: pathlib.Path) -> None:
    shell.run_cell("same = films")
    assert asked(shell, "", EVERYTHING) is not None
    shell.run_cell(f"other = igql.open({str(films)!r})")
    with pytest.raises(ValueError, match="name one with --engine"):
        asked(shell, "", EVERYTHING)
    assert asked(shell, "--engine other", EVERYTHING) is not None
    shell.run_cell("del films, same, other")
    with pytest.raises(ValueError, match="there is no engine yet"):
        asked(shell, "", EVERYTHING)
