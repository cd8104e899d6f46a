"""Catalogs that are made of frames, of pandas and polars, good and odd."""

from __future__ import annotations

import datetime as dt
import gc
import os
import pathlib
import pickle
from typing import Any

import igql
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

UTC = dt.timezone.utc


def users() -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 2, 3], "country": ["DE", "FR", None]})


def items() -> pd.DataFrame:
    made = pd.to_datetime(["2020-01-01", "2020-02-01", None]).tz_localize("Europe/Rome")
    return pd.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "price": [1.0, np.nan, 3.0],
            "made": made,
            "kind": pd.Categorical(["x", "y", "x"]),
            "tags": [["p", "q"], [], None],
        }
    )


def likes() -> pd.DataFrame:
    times = pd.to_datetime(["2021-01-01", "2021-01-02", "2021-01-03", "2021-01-04"], utc=True)
    return pd.DataFrame({"user_id": [1, 1, 2, 3], "item_id": ["a", "b", "b", "c"], "at": times})


def opened(**frames: Any) -> igql.Engine:
    return igql.catalog(**{"user": users(), "item": items(), "likes": likes(), **frames})


PAGE = "all(item).take(9).select(price, made, kind, tags)"


def to_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.from_pandas(frame)


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame)


def to_lazy(frame: pd.DataFrame) -> pl.LazyFrame:
    return to_polars(frame).lazy()


@pytest.mark.parametrize("library", [pd.DataFrame, to_polars, to_arrow, to_lazy])
def test_all_libraries_say_the_same(library: Any) -> None:
    engine = igql.catalog(user=library(users()), item=library(items()), likes=library(likes()))
    answer = engine.compile(PAGE).run()
    assert answer["item_id"] == ["a", "b", "c"] and answer["kind"] == ["x", "y", "x"]
    # NaN is a missing value, and a time is what it is in UTC
    assert answer["price"] == [1.0, None, 3.0]
    assert answer["made"] == [dt.datetime(2019, 12, 31, 23, tzinfo=UTC), dt.datetime(2020, 1, 31, 23, tzinfo=UTC), None]
    assert answer["tags"] == [["p", "q"], [], None]
    assert engine.compile("user.walk(likes).take(5)").run(user=1)["item_id"] == ["b", "a"]


def test_guesses_are_there_to_be_read() -> None:
    engine = opened()
    assert engine.guesses is not None
    assert "edge likes: likes.parquet, user -> item" in str(engine.guesses)
    assert "[edge.likes]" in engine.guesses.toml and "# guessed" in engine.guesses.toml
    assert engine.reload().guesses is engine.guesses


def test_a_temporary_folder_goes_with_the_engine() -> None:
    engine = opened()
    folder = pathlib.Path(engine.path)
    program = engine.compile(PAGE)
    del engine
    gc.collect()
    # the program holds it
    assert folder.is_dir() and len(program.run()) == 3
    assert len(pickle.loads(pickle.dumps(program)).run()) == 3
    del program
    gc.collect()
    assert not folder.exists()


def test_a_folder_stays_and_its_catalog_is_kept(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "shop"
    engine = igql.catalog(folder, user=users(), item=items(), likes=likes())
    file = folder / "catalog.toml"
    file.write_text(file.read_text().replace('seen = ["likes"]', "seen = []"))
    again = igql.catalog(folder, user=users(), item=items(), likes=likes().head(2))
    assert engine.guesses is not None and again.guesses is None
    assert "seen = []" in file.read_text()
    assert "2 links" in again.describe("likes") and again.snapshot != engine.snapshot
    assert igql.open(folder).snapshot == again.snapshot


def test_categories_of_polars_and_other_types() -> None:
    odd = pl.DataFrame(
        {
            "user_id": [1, 2, 3],
            "day": [dt.date(2020, 1, 1)] * 3,
            "size": pl.Series(["a", "b", None], dtype=pl.Enum(["a", "b"])),
            "kind": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        }
    )
    program = opened(user=odd).compile("all(user).take(3).select(day, size, kind)")
    answer = program.run()
    assert answer["size"] == ["a", "b", None] and answer["kind"] == ["x", "y", "x"]
    assert answer["day"] == [dt.datetime(2020, 1, 1, tzinfo=UTC)] * 3


def test_keys_may_stand_in_the_index() -> None:
    assert "country" in opened(user=users().set_index("user_id")).describe("user")
    # an index that only numbers the rows is no column
    assert "index" not in opened(user=users().iloc[::-1]).describe("user")
    both = likes().set_index(["user_id", "item_id"])
    assert "4 links" in opened(likes=both).describe("likes")


def test_repeated_and_missing_keys_are_told() -> None:
    twice = pd.concat([items(), items().head(1)])
    engine = opened(item=twice, likes=likes().assign(user_id=[1, np.nan, 2, 3]))
    said = str(engine.guesses)
    assert "1 of 4 rows repeats a key of `item_id`; the first row of each is kept" in said
    assert "1 of 4 rows has no `user_id`; left out" in said
    assert "3 rows" in engine.describe("item") and "3 links" in engine.describe("likes")


def test_frames_without_rows() -> None:
    engine = opened(likes=likes().head(0))
    assert engine.compile("user.walk(likes).take(5)").run(user=1)["item_id"] == []
    # of nothing no key can be guessed
    assert "left out: user.parquet: neither a key" in str(opened(user=users().head(0)).guesses)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (users().assign(o=[1, "x", None]), "user: this cannot become a table: Could not convert 'x'.*column o"),
        (users().assign(o=[object()] * 3), "user: this cannot become a table: .*column o"),
        (users().assign(o=[1j] * 3), "column o"),
        (pd.DataFrame([[1, 2]], columns=["user_id", "user_id"]), "user: .*Duplicate column names"),
        (users().assign(o=pd.period_range("2020", periods=3, freq="M")), "user: column `o` has the type .*period"),
        ({"user_id": [1]}, "user: .*expected a frame of pandas, polars, pyarrow.* found dict"),
        (pl.Series("user_id", [1]), "found Series"),
        ([1, 2], "found list"),
        (None, "found NoneType"),
    ],
)
def test_what_is_no_table(frame: object, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        opened(user=frame)


def test_nothing_is_left_behind(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(TypeError, match="at least one frame"):
        igql.catalog()
    with pytest.raises(ValueError, match="no name of a table"):
        igql.catalog(**{"a/b": users()})
    with pytest.raises((igql.DataError, igql.RequestError)):
        igql.catalog(user=pl.DataFrame({"x": ["a", "a"]}))
    assert os.listdir(tmp_path) == []
