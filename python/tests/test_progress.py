"""Progress on a terminal, in a notebook, and told to a callable."""

from __future__ import annotations

import io
import pathlib
import sys
from typing import Any

import igql
import pytest
from igql import _progress

from .conftest import world


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def large(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = world(tmp_path / "large")
    rows = "\n".join(f"{i % 3 + 1},{10 + i % 5},2021-01-01" for i in range(1_500_000))
    (folder / "likes.csv").write_text("person_id,film_id,at\n" + rows + "\n")
    return folder


def test_a_callable_is_told(large: pathlib.Path) -> None:
    told: list[tuple[str, int, int]] = []
    igql.open(large, progress=lambda stage, done, total: told.append((stage, done, total)))
    assert told and all(isinstance(stage, str) and 0 <= done <= total for stage, done, total in told)


def test_what_a_callable_raises_does_not_end_the_work(large: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)

    def broken(stage: str, done: int, total: int) -> None:
        raise ValueError(stage)

    assert len(igql.open(large, progress=broken).compile("all(film).take(2)").run()) == 2
    assert raised and isinstance(raised[0].exc_value, ValueError)


def test_a_bar_on_a_terminal(large: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(_progress, "_PATIENCE", 0.0)
    igql.open(large)
    drawn = terminal.getvalue()
    # it is drawn on one line, and wiped away
    assert "[" in drawn and "%" in drawn and "\n" not in drawn and drawn.endswith(" \r")


def test_no_bar_where_nobody_looks(large: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_PATIENCE", 0.0)
    igql.open(large)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_terminal_can_be_spared(large: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(_progress, "_PATIENCE", 0.0)
    igql.open(large, progress=False)
    assert terminal.getvalue() == ""


def test_what_is_quick_has_no_bar(films: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with _progress.shown(None) as told:
        assert told is not None
        told("tables", 1, 2)
        assert terminal.getvalue() == ""
        monkeypatch.setattr(_progress, "_PATIENCE", 0.0)
        told("tables", 3, 0)
        told("tables", 5, 2)
    assert "100%" in terminal.getvalue()


def test_long_names_do_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(_progress, "_PATIENCE", 0.0)
    with _progress.shown(True) as told:
        assert told is not None
        told("neighbours of the embedding with a long name", 1, 2)
    line = terminal.getvalue().split("\r")[1]
    assert len(line) <= 64
