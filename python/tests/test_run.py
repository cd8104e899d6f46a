"""Opening, compiling, running: one request, many, streams, and what goes wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import igql
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import PAGE, world

UTC = dt.timezone.utc


def test_rows_are_a_sequence_with_columns_by_name(page: igql.Program) -> None:
    answer = page.run(user=1)
    assert len(answer) == 3 and answer
    assert answer["film_id"] == [14, 13, 12]
    # a missing value is None, never 0
    assert answer["score"] == [9.0, 6.0, None]
    assert answer["tags"] == [["war"], None, ["comedy"]]
    assert answer[0]["released"] == dt.datetime(2020, 5, 1, tzinfo=UTC)
    assert [row["position"] for row in answer] == [1, 2, 3]
    assert answer[-1]["film_id"] == 12 and [row["film_id"] for row in answer[1:]] == [13, 12]
    assert answer.columns == ["position", "film_id", "score", "title", "tags", "released"]
    assert isinstance(answer[0], Mapping) and dict(answer[0])["title"] == '<b>Four"teen</b>'
    assert answer.user == 1 and answer.query == "main" and answer.now.tzinfo is not None


def test_indices_that_there_are_not(page: igql.Program) -> None:
    answer = page.run(user=1)
    with pytest.raises(IndexError, match="3 of 3"):
        answer[3]
    with pytest.raises(KeyError, match="there are position, film_id"):
        answer["flim_id"]
    with pytest.raises(KeyError, match="no column"):
        answer[0]["x"]
    with pytest.raises(TypeError, match="int, a slice or the name"):
        answer[1.5]  # type: ignore[call-overload]


def test_json_is_that_of_the_command(page: igql.Program) -> None:
    whole = page.run(user=1).to_dict()
    assert list(whole)[:4] == ["user", "query", "now", "snapshot"]
    assert [row["film_id"] for row in whole["results"]] == [14, 13, 12]


def test_a_page_has_lists(engine: igql.Engine) -> None:
    program = engine.compile("{best: all(film).score(rating).take(2), mine: user.walk(likes).take(5)}")
    answer = program.run(user=1)
    assert list(answer.lists) == ["best", "mine"]
    assert answer.lists["best"]["film_id"] == [14, 11] and len(answer) == 4
    with pytest.raises(TypeError, match='lists\\[NAME\\].*"best", "mine"'):
        answer[0]
    table = program.run_batch([1, 2]).to_arrow()
    assert table.column_names[:3] == ["user", "list", "position"]


def test_params_times_and_seeds(engine: igql.Engine) -> None:
    program = engine.compile(
        "param least: float = 0.0\nparam since: time\nparam words: list[string] = []\n"
        "all(film).filter(rating >= least and released >= since and not (title in words)).take(9)"
    )
    since = dt.datetime(2020, 2, 1, tzinfo=UTC)
    assert program.run(params={"since": since})["film_id"] == [11, 13, 14]
    assert program.run(params={"since": dt.date(2020, 2, 1)})["film_id"] == [11, 13, 14]
    assert program.run(params={"since": pd.Timestamp("2020-02-01", tz="Europe/Rome")})["film_id"] == [11, 13, 14]
    assert program.run(params={"since": "2020-02-01", "least": np.float32(8)})["film_id"] == [11, 14]
    assert program.run(params={"since": since, "words": ("Eleven",)})["film_id"] == [13, 14]
    assert program.run(params={"since": since, "words": np.array(["Eleven"])})["film_id"] == [13, 14]
    # media that are not there yet
    assert program.run(params={"since": since}, at="2020-04-02")["film_id"] == [11, 13]
    assert program.run(params={"since": since}, at=dt.date(2020, 4, 2))["film_id"] == [11, 13]
    wrongs: list[tuple[dict[str, object], str]] = [
        ({"since": since, "least": "x"}, "`least`: expected"),
        ({"since": since, "lest": 1}, "no parameter `lest`"),
        ({}, "`since` has no default"),
        ({"since": 3}, "`since`: expected"),
    ]
    for wrong, why in wrongs:
        with pytest.raises(igql.RequestError, match=why):
            program.run(params=wrong)
    for odd, why in [(float("nan"), "None stands for a missing value"), (2**70, "beyond 64 bits"), (object(), "none of the language")]:
        with pytest.raises(TypeError, match=why):
            program.run(params={"since": since, "least": odd})
    with pytest.raises(igql.RequestError, match="at"):
        program.run(params={"since": since}, at="yesterday")
    with pytest.raises(TypeError, match="`at` is a datetime"):
        program.run(params={"since": since}, at=5)  # type: ignore[arg-type]


def test_keys_of_any_int_type_and_of_no_other(page: igql.Program) -> None:
    keys: list[Any] = [1, np.int32(1), np.uint8(1), "1"]
    for one in keys:
        assert page.run(user=one)["film_id"] == [14, 13, 12]
    for odd in [1.0, True, None, [1], object()]:
        with pytest.raises((TypeError, igql.RequestError)):
            page.run(user=odd)  # type: ignore[arg-type]
    with pytest.raises(igql.RequestError, match="`user`"):
        page.run(user="anna")
    assert "is not in `person`" in page.run(user=99).warnings[0]
    with pytest.raises(TypeError, match="int of 64 bits"):
        page.run(user=2**80)


def test_errors_are_drawn_and_are_objects(engine: igql.Engine) -> None:
    with pytest.raises(igql.CompileError) as caught:
        engine.compile("user.likd()\n  .take(1)", name="page.igql")
    assert "page.igql:1:6" in str(caught.value) and "likd" in str(caught.value)
    [found] = caught.value.diagnostics
    assert (found.code, found.severity, found.line, found.column) == ("E0202", "error", 1, 6)
    assert found.help is not None and "walk" in found.help
    assert engine.check("user.likd()")[0].code == "E0202"
    # a warning is no error
    assert [found.code for found in engine.check(PAGE)] == [found.code for found in engine.compile(PAGE).warnings] == ["W1001"]
    assert engine.check("all(film).take(1)") == []
    assert isinstance(caught.value, igql.IgqlError)


def test_programs_in_files(engine: igql.Engine, films: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (films / "base.igql").write_text("def best() -> set[film] = all(film).score(rating)")
    (films / "page.igql").write_text('import "base.igql"\nquery a = best().take(1)\nquery b = best().take(2)')
    # relative to the catalog, as there is none in the working directory
    assert len(engine.compile(path="page.igql", query="b").run()) == 2
    assert len(engine.compile(path=films / "page.igql", query="a").run()) == 1
    with pytest.raises(FileNotFoundError, match="nowhere.igql"):
        engine.compile(path="nowhere.igql")
    with pytest.raises(TypeError, match="a text or a file"):
        engine.compile()
    with pytest.raises(igql.CompileError, match="query"):
        engine.compile(path="page.igql", query="c")


def test_tunables(engine: igql.Engine) -> None:
    text = "tunable w in 0.0..9.0 = 1.0\nall(film).score(w * rating).take(1)"
    assert engine.compile(text).run()["score"] == [9.0]
    assert engine.compile(text, tunables={"w": 2.0}).run()["score"] == [18.0]
    with pytest.raises(igql.CompileError):
        engine.compile(text, tunables={"v": 2.0})


def test_a_broken_catalog_says_where(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "broken")
    (folder / "likes.csv").write_text("person_id,film_id,at\n1,10,2021-01-01\n1,oops,2021-01-02\n")
    with pytest.raises(igql.DataError) as caught:
        igql.open(folder)
    error = caught.value
    assert error.file is not None and error.file.endswith("likes.csv") and error.row == 2 and error.column == "film_id"
    with pytest.raises(igql.DataError, match="no such|there is no"):
        igql.open(tmp_path / "nothing")


FRAMES = {
    "polars": lambda keys: pl.DataFrame({"person_id": keys}),
    "pandas": lambda keys: pd.DataFrame({"person_id": keys}),
    "pyarrow": lambda keys: pa.table({"person_id": keys}),
    "batch": lambda keys: pa.record_batch({"person_id": keys}),
    "int32": lambda keys: pa.table({"person_id": pa.array(keys, pa.int32())}),
    "category": lambda keys: pa.table({"person_id": pa.array(keys).dictionary_encode()}),
    "list": list,
    "numpy": np.array,
    "pandas series": pd.Series,
    "polars series": pl.Series,
    "pyarrow array": pa.array,
    "generator": lambda keys: (key for key in keys),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_users_of_any_frame(page: igql.Program, kind: str) -> None:
    keys = [2, 1, 2]
    answers = page.run_batch(FRAMES[kind](keys))
    assert [answer.user for answer in answers] == keys
    assert [answer["film_id"] for answer in answers] == [page.run(user=key)["film_id"] for key in keys]


def test_users_with_params_and_times(engine: igql.Engine) -> None:
    program = engine.compile("param least: float = 0.0\nall(film).unseen().filter(rating >= least).take(9)")
    users = pl.DataFrame(
        {"person_id": [1, 1, 2], "least": [6.5, None, 0.0], "at": [None, dt.datetime(2020, 4, 2), None]}
    )
    got = [answer["film_id"] for answer in program.run_batch(users)]
    assert got == [[14], [10, 11, 13], [10, 13, 14]]
    with pytest.warns(UserWarning, match="`colour` is not a parameter"):
        program.run_batch(pl.DataFrame({"person_id": [1], "colour": ["red"]}))


@pytest.mark.parametrize(
    ("users", "why"),
    [
        (pl.DataFrame({"id": [1]}), "no column `person_id`"),
        (pl.DataFrame({"person_id": [1, None]}), "key is null"),
        (pl.DataFrame({"person_id": ["a"]}), "person_id"),
        (pl.DataFrame({"person_id": [1.5]}), "person_id"),
        (pl.DataFrame({"person_id": [[1], [2]]}), "person_id"),
        (pl.DataFrame({"person_id": [{"a": 1}]}), "person_id"),
        (pd.DataFrame({"person_id": [1, "x", None]}), "person_id|convert|mixed|type"),
        (pa.table({"person_id": pa.array([b"x"])}), "person_id"),
    ],
)
def test_frames_that_are_odd(page: igql.Program, users: object, why: str) -> None:
    with pytest.raises((igql.IgqlError, TypeError, ValueError, pa.ArrowInvalid, pa.ArrowTypeError), match=why):
        page.run_batch(users)  # type: ignore[arg-type]


@pytest.mark.parametrize("users", [[], pl.DataFrame({"person_id": pl.Series([], dtype=pl.Int64)}), np.array([], int)])
def test_nobody(page: igql.Program, users: object) -> None:
    answers = page.run_batch(users)  # type: ignore[arg-type]
    assert len(answers) == 0
    table = answers.to_arrow()
    assert table.num_rows == 0 and table.column_names[:3] == ["user", "position", "film_id"]
    assert list(page.stream(users)) == []  # type: ignore[arg-type]


def test_users_that_are_no_users(page: igql.Program) -> None:
    for odd in ["alice", 5, None, object()]:
        with pytest.raises(TypeError, match="users|keys|iter"):
            page.run_batch(odd)  # type: ignore[arg-type]


def test_tables_go_out_as_often_as_one_likes(page: igql.Program) -> None:
    answers = page.run_batch("all")
    first, second = pa.table(answers), pa.table(answers)
    assert first.equals(second) and first.num_rows == 9
    assert first.schema.field("title").type == pa.large_string()
    first.validate(full=True)
    assert pl.DataFrame(answers).equals(answers.to_polars())
    assert answers.to_pandas()["film_id"].tolist() == first["film_id"].to_pylist()
    assert page.run(user=1).to_arrow().equals(page.run_batch([1]).to_arrow())
    assert pa.schema(page).equals(first.schema)


def test_a_table_outlives_everything(films: pathlib.Path) -> None:
    table = pa.table(igql.open(films).compile(PAGE).run_batch("all"))
    import gc

    gc.collect()
    assert table["title"].to_pylist()[0] == '<b>Four"teen</b>'


def test_duckdb_reads_answers(page: igql.Program) -> None:
    import duckdb

    answers = page.run_batch("all").to_arrow()
    assert duckdb.sql("select count(*), max(score) from answers").fetchall() == [(9, 9.0)]


def test_vectors_without_copies(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "vectors")
    np.save(folder / "taste.npy", np.arange(10, dtype=np.float32).reshape(5, 2) + 1)
    with (folder / "catalog.toml").open("a") as catalog:
        catalog.write('\n[embedding.taste]\nentity = "film"\nfile = "taste.npy"\nmetric = "dot"\n')
    program = igql.open(folder).compile("all(film).take(2).select(v=taste)")
    table = program.run_batch([1]).to_arrow()
    assert table.schema.field("v").type == pa.list_(pa.float32(), 2)
    flat = table["v"].chunk(0).flatten().to_numpy(zero_copy_only=True)
    assert flat.tolist() == [1, 2, 3, 4]
    assert program.run(user=1)[1]["v"] == [3.0, 4.0]


def test_streams_write_parts(page: igql.Program, tmp_path: pathlib.Path) -> None:
    parts = [part.write_parquet(f"{tmp_path}/out/") for part in page.stream("all", batch_size=2)]
    assert [pathlib.Path(part).name for part in parts] == ["part-00000.parquet", "part-00001.parquet"]
    read = pq.read_table(tmp_path / "out")
    assert read["film_id"].to_pylist() == page.run_batch("all").to_arrow()["film_id"].to_pylist()
    with pytest.raises(ValueError, match="at least 1"):
        page.stream("all", batch_size=0)


def test_files_of_every_format(page: igql.Program, tmp_path: pathlib.Path) -> None:
    answers = page.run_batch([1, 2])
    answers.write(tmp_path / "a.ndjson")
    lines = (tmp_path / "a.ndjson").read_text().splitlines()
    assert [json.loads(line)["user"] for line in lines] == [1, 2]
    answers.write(tmp_path / "a.arrow")
    answers.write(str(tmp_path / "a.csv.gz"))
    assert pd.read_csv(tmp_path / "a.csv.gz")["film_id"].tolist() == answers.to_arrow()["film_id"].to_pylist()
    with pytest.raises(ValueError, match="unknown extension"):
        answers.write(tmp_path / "a.xyz")
    with pytest.raises(OSError, match="nowhere"):
        answers.write(tmp_path / "nowhere" / "a.csv")


def test_limits(engine: igql.Engine) -> None:
    program = engine.compile("all(film).walk(~likes).walk(likes).take(3)")
    with pytest.raises(igql.LimitError, match="rows"):
        program.run(user=1, max_rows=3)
    with pytest.raises(igql.DeadlineError):
        program.run(user=1, timeout=0.0)
    with pytest.raises(TimeoutError):
        program.run_batch("all", timeout=0.0)
    assert program.run(user=1, timeout=0.0, partial=True).partial
    for odd in [-1.0, float("nan"), 1e300]:
        with pytest.raises(ValueError, match="`timeout` is in seconds"):
            program.run(user=1, timeout=odd)


def test_threads(page: igql.Program) -> None:
    for odd in [0, 1025, 10**9]:
        with pytest.raises(ValueError, match="from 1 to 1024"):
            page.run_batch("all", threads=odd)
    assert page.run_batch("all", threads=7).to_arrow().equals(page.run_batch("all", threads=1).to_arrow())


def test_why(page: igql.Program) -> None:
    answer = page.why(user=1, why_not=[10, 77])
    assert answer[0].why is not None and answer[0].why["path"][0]["op"] == "all"
    assert page.run(user=1)[0].why is None
    dropped, unknown = answer.why_not
    assert dropped["film_id"] == 10 and dropped["outcome"] == "dropped" and unknown["film_id"] == 77
    assert answer["film_id"] == page.run(user=1)["film_id"]


def test_notebooks_see_pages_without_scripts(page: igql.Program) -> None:
    html = page.why(user=1, why_not=[10])._repr_html_()
    # what stands in the data is text
    assert "<b>Four" not in html and "&lt;b&gt;Four" in html
    assert "<script" not in html and "http" not in html
    assert "<details>" in html and "dropped" in html
    assert "requests" not in page.run_batch([1])._repr_html_()
    assert "and 2 more requests" in page.run_batch([1] * 7)._repr_html_()


def test_reload(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "changing")
    engine = igql.open(folder)
    program = engine.compile(PAGE)
    before = program.run(user=1)["film_id"]
    with (folder / "films.csv").open("a") as films:
        films.write("15,Fifteen,2020-06-01,9.9,war\n")
    newest = engine.reload()
    assert newest.snapshot != engine.snapshot
    # what holds the old one keeps it
    assert program.run(user=1)["film_id"] == before
    assert program.on(newest).run(user=1)["film_id"] == [15, *before[:2]]
    assert program.engine is engine
    assert newest.reload().snapshot == newest.snapshot


def test_async(page: igql.Program) -> None:
    async def both() -> list[igql.Answer]:
        return list(await asyncio.gather(page.run_async(user=1), page.run_async(2)))

    assert [answer.user for answer in asyncio.run(both())] == [1, 2]


def test_arms(engine: igql.Engine) -> None:
    program = engine.compile(
        'experiment order(layer="page") = {best: 0.5, other: 0.5}\nall(film).take(1 if order == "best" else 2)'
    )
    assert len(program.run(user=1, arms={"order": "best"})) == 1
    other = program.run(user=1, arms={"order": "other"})
    assert len(other) == 2 and other.arms == {}
    with pytest.raises(igql.RequestError, match="no arm `third`"):
        program.run(user=1, arms={"order": "third"})
    with pytest.raises(igql.RequestError, match="no experiment `x`"):
        program.run(user=1, arms={"x": "a"})


def test_own_functions(films: pathlib.Path) -> None:
    import pyarrow.compute as pc

    @igql.function(args=["string", "float"], returns="float", null="custom")
    def long_title(title: pa.Array, rating: pa.Array) -> pa.Array:
        """How long a title is, and how good."""
        return pc.add(pc.cast(pc.utf8_length(title), pa.float64()), pc.fill_null(rating, 0.0))

    @igql.function(args=["int"], returns="int")
    def broken(n: pa.Array) -> pa.Array:
        raise ValueError("of course")

    @igql.function(args=["int"], returns="int")
    def short(n: pa.Array) -> list[int]:
        return [1]

    engine = igql.open(films, functions=[long_title, broken, short])
    answer = engine.compile("all(film).score(long_title(title, rating)).take(2)").run(user=1)
    assert answer["film_id"] == [14, 11] and answer["score"] == [25.0, 14.0]
    for name in ["broken", "short"]:
        program = engine.compile(f"all(film).score({name}(count(~likes(it)))).take(2)")
        with pytest.raises(igql.RequestError, match=f"`{name}` failed.*ValueError") as caught:
            program.run(user=1)
        assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(TypeError, match="igql.function"):
        igql.open(films, functions=[lambda x: x])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="no type of a function"):
        igql.open(films, functions=[igql.function(args=["text"], returns="int")(lambda t: t)])  # type: ignore[list-item]
    with pytest.raises(igql.DataError, match="log1p"):
        igql.open(films, functions=[igql.function(args=["int"], returns="int", name="log1p")(lambda t: t)])


def test_values_that_do_not_end(page: igql.Program) -> None:
    endless: list[Any] = []
    endless.append(endless)
    within: dict[str, Any] = {}
    within["a"] = within
    for odd in [endless, within]:
        with pytest.raises(ValueError, match="nested more than"):
            page.run(1, params={"x": odd})

    class Growing:
        def tolist(self) -> list[int]:
            params[f"p{len(params)}"] = 1
            return []

    params: dict[str, Any] = {"x": Growing()}
    with pytest.raises(igql.RequestError, match="no parameter"):
        page.run(1, params=params)


def test_durations(engine: igql.Engine) -> None:
    program = engine.compile(
        "param d: duration = 1d\nall(film).filter(age(released) < d).take(9)"
    )
    year = dt.timedelta(days=365)
    assert program.run(params={"d": year})["film_id"] == program.run(params={"d": "365d"})["film_id"] == [11, 12, 13, 14]
    assert program.run(params={"d": np.timedelta64(365, "D")})["film_id"] == [11, 12, 13, 14]
    users = pa.table({"person_id": [1, 2], "d": [year, dt.timedelta(days=300)]})
    assert [answer["film_id"] for answer in program.run_batch(users)] == [[11, 12, 13, 14], [13, 14]]
    assert [answer["film_id"] for answer in program.run_batch(pl.from_arrow(users))] == [[11, 12, 13, 14], [13, 14]]
    for odd, why in [(dt.timedelta.max, "too long"), (dt.timedelta(microseconds=1), "whole milliseconds")]:
        with pytest.raises(ValueError, match=why):
            program.run(params={"d": odd})


def test_a_part_of_a_stream_that_failed_comes_again(page: igql.Program) -> None:
    stream = page.stream("all", batch_size=2, timeout=0.0)
    for _ in range(3):
        with pytest.raises(igql.DeadlineError):
            next(stream)
    huge = page.stream("all", batch_size=2**63)
    assert [len(part) for part in huge] == [3] and list(huge) == []


def test_slices_and_warnings(page: igql.Program) -> None:
    answers = page.run_batch([1, 2, 3])
    assert [answer.user for answer in answers[::-2]] == [3, 1]
    with pytest.raises(TypeError, match="an int or a slice"):
        answers["x"]  # type: ignore[call-overload]
    assert "warning: user `99` is not in `person`" in str(page.run(99))


def test_one_key_to_ask_why_not(page: igql.Program) -> None:
    assert page.why(1, why_not=10).why_not == page.why(1, why_not=[10]).why_not
    with pytest.raises(TypeError, match="a key is an int"):
        page.why(1, why_not=1.5)  # type: ignore[arg-type]


def test_a_folder_of_versions_that_there_is_not(films: pathlib.Path) -> None:
    with pytest.raises(igql.DataError, match="no folder"):
        igql.open(films, learned="nowhere")
