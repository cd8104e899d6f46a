"""Replays, tunings, trainings, plans and descriptions: as values, with errors that speak Python."""

from __future__ import annotations

import datetime as dt
import pathlib
from typing import Any

import igql
import pandas as pd
import polars as pl
import pytest

from .conftest import PAGE, world

START = "2021-01-01"
TUNABLE = "tunable w in 0.0..2.0 = 1.0\nall(film).unseen().score(w * rating + count(~likes(it))).take(3)"
LEARNED = "edge alike = itemknn(likes, k=5)\nuser.walk(likes).walk(alike, merge=sum).take(3)"


@pytest.fixture(scope="module")
def both(engine: igql.Engine) -> list[igql.Program]:
    return [engine.compile(PAGE, name="rated.igql"), engine.compile("all(film).unseen().take(3)", name="first.igql")]


def test_a_replay_is_text_rows_frames_and_a_page(both: list[igql.Program], tmp_path: pathlib.Path) -> None:
    found = igql.replay(both, truth="likes", start=START, baseline=both[1], metrics=["hit@2", "ndcg@3"])
    rows = found.rows()
    assert [(row["program"], row["metric"]) for row in rows] == [
        ("rated.igql", "hit@2"), ("rated.igql", "ndcg@3"), ("first.igql", "hit@2"), ("first.igql", "ndcg@3")
    ]
    assert "difference" in rows[0] and "difference" not in rows[2]
    assert found.to_polars()["mean"].to_list() == found.to_arrow()["mean"].to_pylist() == [row["mean"] for row in rows]
    assert found.to_pandas()["metric"].tolist() == ["hit@2", "ndcg@3"] * 2
    assert found.to_dict()["baseline"] == "first.igql" and found.to_json().startswith("{")
    assert "first.igql (baseline)" in str(found) and repr(found) == "<igql.Replay 4 rows>"
    assert found.warnings == [] and found.unmet is None
    found.write_html(tmp_path / "replay.html")
    assert (tmp_path / "replay.html").read_text().startswith("<!doctype html>")
    # a page within a page: nothing of it gets out
    assert "<iframe srcdoc=" in found._repr_html_() and "sandbox" in found._repr_html_()


def test_metrics_by_name(both: list[igql.Program]) -> None:
    found = igql.replay({"a": both[0], "b": both[1]}, truth="likes", start=START, metrics="hit@2")
    assert found.metric("hit@2", "a") == found.metric("hit@2") == pytest.approx(2 / 3)
    with pytest.raises(KeyError, match="no metric 'hit@3' of 'b': there are hit@2"):
        found.metric("hit@3", "b")


def test_programs_of_one_name_are_told_apart(engine: igql.Engine) -> None:
    programs = [engine.compile(f"all(film).take({n})") for n in (1, 2, 3)]
    found = igql.replay(programs, truth="likes", start=START, metrics=["rows"])
    assert [row["program"] for row in found.rows()] == ["program", "program 2", "program 3"]


def test_options_are_those_of_the_command(both: list[igql.Program]) -> None:
    page = both[0]
    wide = igql.replay(page, truth=["likes"], start=dt.date(2021, 1, 1), every="session", horizon=dt.timedelta(days=3))
    day = igql.replay(page, truth="likes", start=dt.datetime(2021, 1, 1), k=[1, 2], no_stages=True, threads=2)
    assert wide.metric("recall@5") == day.metric("recall@2") or wide.rows() != day.rows()
    assert {row["metric"] for row in day.rows()} >= {"hit@1", "hit@2"} and "stage" not in str(day)
    assert igql.replay(page, truth="likes", start=START, users=[2]).to_dict()["users"] == 1


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, lambda columns: pl.LazyFrame(columns)])
def test_a_test_set_may_be_a_frame(both: list[igql.Program], frame: Any) -> None:
    test = frame({"person_id": [1, 2], "film_id": [12, 14]})
    found = igql.replay(both[0], holdout=test, k=1)
    assert found.to_dict()["requests"] == 2 and found.metric("hit@1") == 0.5


def test_options_that_there_are_not(both: list[igql.Program]) -> None:
    with pytest.raises(TypeError, match="unexpected option `horizn`: did you mean `horizon`?"):
        igql.replay(both[0], truth="likes", start=START, horizn="7d")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"truth": "likez", "start": START}, "^truth likez: there is no edge `likez`\nhelp: did you mean `likes`"),
        ({"truth": "likes", "start": "soon"}, "^start soon: expected a time"),
        ({"truth": "likes", "start": START, "metrics": "wow@3"}, "^metrics: there is no metric `wow`"),
        ({"truth": "likes", "start": START, "baseline": "x"}, "^baseline x: it is none of the programs"),
        ({"truth": "likes", "start": START, "params": {"x": 1}}, "no parameter `x`"),
        ({"truth": "likes", "start": START, "output": "x"}, "^output: it has no meaning here"),
        ({"truth": "likes", "start": START, "per_request": "x"}, "^per_request: it has no meaning here"),
    ],
)
def test_mistakes_are_said_with_the_names_of_python(both: list[igql.Program], options: dict[str, Any], why: str) -> None:
    with pytest.raises(igql.RequestError, match=why):
        igql.replay(both[0], **options)


def test_a_baseline_is_one_of_the_programs(both: list[igql.Program]) -> None:
    with pytest.raises(ValueError, match="none of the programs"):
        igql.replay(both[0], truth="likes", start=START, baseline=both[1])
    with pytest.raises(igql.RequestError, match="no program"):
        igql.replay([], truth="likes", start=START)
    with pytest.raises(igql.DataError, match="^nowhere.csv: there is no such file"):
        igql.replay(both[0], holdout="nowhere.csv")


def test_tuning(engine: igql.Engine) -> None:
    program = engine.compile(TUNABLE, name="tuned.igql")
    found = igql.tune(program, maximize="ndcg@3", truth="likes", start=START, trials=4)
    assert found.before == {"w": 1.0} and set(found.values) == {"w"}
    # so few users prove nothing
    assert not found.won and found.reason and "better" in found.reason and found.files == {}
    assert [row["trial"] for row in found.to_polars().iter_rows(named=True)][0] == 1
    assert found.program.run(user=1)["film_id"] == program.run(user=1)["film_id"]
    assert engine.compile(TUNABLE, tunables=found.values).run(user=1)["film_id"] == program.run(user=1)["film_id"]
    assert "tunable" in str(found) and "<iframe" in found._repr_html_()
    with pytest.raises(igql.RequestError, match="maximize"):
        igql.tune(program, maximize="wow@1", truth="likes", start=START)
    with pytest.raises(igql.RequestError, match="tunable"):
        igql.tune(engine.compile(PAGE), maximize="ndcg@3", truth="likes", start=START)


def test_training(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "learning")
    engine = igql.open(folder)
    assert [found.code for found in engine.check(LEARNED)] == ["E0501"]
    assert engine.check(LEARNED, assume_trained=True) == []
    assert igql.train(engine, text=LEARNED, dry_run=True).rows()[0]["version"] is None
    trained = igql.train(engine, text=LEARNED)
    assert trained.rows() == [{"kind": "edge", "name": "alike", "outcome": "trained", "version": "alike@1"}]
    answer = trained.engine.compile(LEARNED).run(user=1)
    assert len(answer) and answer.versions == ["alike@1"]
    # nothing is out of date, and the engine before does not know of it
    (folder / "page.igql").write_text(LEARNED)
    again = igql.train(folder, "page.igql")
    assert [row["outcome"] for row in again.rows()] != ["trained"]
    assert igql.train(folder, [folder / "page.igql"], again=True).rows()[0]["version"] == "alike@2"
    with pytest.raises(igql.CompileError, match="E0501"):
        engine.compile(LEARNED)
    with pytest.raises(FileNotFoundError):
        igql.train(folder, "nowhere.igql")
    with pytest.raises(igql.RequestError, match="names|only|`x`"):
        igql.train(folder, "page.igql", names=["x"])


def test_plans(page: igql.Program) -> None:
    plan = page.explain()
    assert plan.text.startswith("query main") and str(plan) == repr(plan)
    assert plan.to_dict()["query"] == "main"
    svg = plan._repr_svg_()
    assert svg is not None and svg.startswith("<svg")
    # what has no drawing is text
    assert page.explain(stage="tokens")._repr_svg_() is None
    measured = page.explain(analyze=True, user=1)
    assert "measured: 3 rows" in measured.text and measured.text is measured.text
    with pytest.raises(igql.RequestError, match="'xx' for 'stage"):
        page.explain(stage="xx")
    with pytest.raises(igql.RequestError, match="^output: it has no meaning here"):
        page.explain(output="x")


def test_descriptions(engine: igql.Engine) -> None:
    assert "entity film: 5 rows" in engine.describe()
    assert engine.describe("film").startswith("entity film") and "likes" not in engine.describe("film")
    with pytest.raises(igql.RequestError, match="no `flim`\nhelp: did you mean `film`"):
        engine.describe("flim")


def test_programs_of_a_replay_have_one_engine(tmp_path: pathlib.Path) -> None:
    engine = igql.open(world(tmp_path / "several"))
    text = "edge alike = itemknn(likes)\nuser.walk(likes).walk(alike, merge=sum).unseen().take(3)"
    before = engine.compile("all(film).unseen().take(3)", name="before")
    learned = igql.train(engine, text=text).engine
    after = learned.compile(text, name="after")
    with pytest.raises(igql.RequestError, match=r"program\.on\(engine\)"):
        igql.replay([before, after], truth="likes", start=START)
    assert len(igql.replay([before.on(learned), after], truth="likes", start=START, metrics="hit@1").rows()) == 2
