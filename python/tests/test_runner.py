"""The callable that Ray and Spark map over a population. The engines themselves: benches/scale.sh."""

from __future__ import annotations

import multiprocessing
import pathlib
import pickle
import time
from collections.abc import Iterator
from typing import Any

import igql
import igql.ray
import igql.spark
import numpy as np
import pyarrow as pa
import pytest
from igql import _runner

from .conftest import PAGE, world


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The catalogs that runners open, in a process that has opened none."""
    paths: list[str] = []
    from igql._igql import _open as real

    def counted(path: Any, **options: Any) -> igql.Engine:
        paths.append(str(path))
        return real(path, **options)

    monkeypatch.setattr(_runner, "_open", counted)
    monkeypatch.setattr(_runner, "_PROGRAMS", type(_runner._PROGRAMS)())
    return paths


def page(folder: pathlib.Path, text: str = PAGE) -> pathlib.Path:
    folder = world(folder)
    (folder / "page.igql").write_text(text)
    return folder


def travelled(it: Any) -> Any:
    return pickle.loads(pickle.dumps(it))


def keys(*users: int) -> pa.RecordBatch:
    return pa.record_batch({"person_id": pa.array(users, pa.int64())})


def test_rows_are_those_of_a_batch_whatever_the_parts(tmp_path: pathlib.Path) -> None:
    runner = igql.Runner("page.igql", page(tmp_path / "w"))
    whole = runner(keys(1, 2, 3))
    assert whole.equals(pa.table(runner.program.run_batch([1, 2, 3]))) and whole.num_rows == 9
    parts = [runner(keys(user)) for user in [1, 2, 3]]
    assert pa.concat_tables(parts).combine_chunks().equals(whole.combine_chunks())
    assert runner(pa.table(keys(1, 2, 3))).equals(whole)
    assert whole.schema.equals(runner.schema)
    empty = runner(keys())
    assert empty.num_rows == 0 and empty.schema.equals(runner.schema)


def test_columns_are_parameters_of_their_users(tmp_path: pathlib.Path) -> None:
    folder = page(tmp_path / "w", "param n: int = 1\nall(film).score(rating).take(n)")
    batch = pa.record_batch({"person_id": [1, 2], "n": [2, None]})
    assert igql.Runner("page.igql", folder)(batch)["user"].to_pylist() == [1, 1, 2]
    assert igql.Runner("page.igql", folder, params={"n": 3})(keys(1)).num_rows == 3


def test_users_without_rows(tmp_path: pathlib.Path) -> None:
    folder = page(tmp_path / "w", "user.walk(likes)")
    assert igql.Runner("page.igql", folder)(keys(1, 77))["user"].to_pylist() == [1, 1]
    kept = igql.Runner("page.igql", folder, keep_empty=True)(keys(1, 77))
    assert kept["user"].to_pylist() == [1, 1, 77] and kept["film_id"].to_pylist()[2] is None


def test_a_process_opens_once(tmp_path: pathlib.Path, opened: list[str]) -> None:
    folder = page(tmp_path / "w")
    sent = pickle.dumps(igql.Runner("page.igql", folder))
    other = pickle.dumps(igql.Runner(igql.open(folder).compile("all(film).take(1)")))
    opened.clear()
    _runner._PROGRAMS.clear()
    # tasks of a job come one after another, each with a runner of its own
    programs = [pickle.loads(sent).program for _ in range(3)]
    assert opened == [str(folder)] and programs[0] is programs[1] is programs[2]
    assert pickle.loads(other)(keys(1)).num_rows == 1
    assert opened == [str(folder)]


def test_a_process_holds_few(tmp_path: pathlib.Path, opened: list[str]) -> None:
    engine = igql.open(page(tmp_path / "w"))
    for n in range(1, 30):
        assert igql.Runner(engine.compile(f"all(film).take({n})"))(keys(1)).num_rows == min(n, 5)
    assert len(_runner._PROGRAMS) == _runner._KEPT


def test_another_snapshot_is_refused(tmp_path: pathlib.Path, opened: list[str]) -> None:
    folder = page(tmp_path / "w")
    runner = igql.Runner("page.igql", folder)
    sent, newer = pickle.dumps(runner), pickle.dumps(igql.Runner("page.igql", folder, allow_newer=True))
    here = runner.program.engine.snapshot
    with (folder / "films.csv").open("a") as films:
        films.write("15,Fifteen,2020-06-01,9.9,war\n")
    _runner._PROGRAMS.clear()
    with pytest.raises(igql.DataError, match=f"is at snapshot .*, and the job runs on snapshot {here}\nhelp: ") as refused:
        pickle.loads(sent)(keys(1))
    assert str(travelled(refused.value)) == str(refused.value)
    assert pickle.loads(newer)(keys(1))["film_id"].to_pylist()[0] == 15
    # a worker that makes its own runner can be told what to find
    with pytest.raises(igql.DataError, match=f"the job runs on snapshot {here}"):
        igql.Runner("page.igql", folder, snapshot=here)
    # what is open stays open
    assert runner(keys(1)).num_rows == 3


def test_a_snapshot_is_all_that_a_worker_needs(tmp_path: pathlib.Path) -> None:
    folder = page(tmp_path / "w")
    expected = igql.Runner("page.igql", folder)(keys(1))
    for table in folder.glob("*.csv"):
        table.unlink()
    runner = travelled(igql.Runner("page.igql", folder, stale=True))
    assert runner(keys(1)).equals(expected)


@igql.function(args=["float"], returns="float")
def halved(x: Any) -> Any:
    import pyarrow.compute as pc

    return pc.divide(x, 2.0)


def test_a_program_travels_with_what_its_engine_has(tmp_path: pathlib.Path, opened: list[str]) -> None:
    folder, cache = page(tmp_path / "w"), tmp_path / "cache"
    engine = igql.open(folder, cache=cache, functions=[halved])
    sent = pickle.dumps(igql.Runner(engine.compile("all(film).score(halved(rating)).take(1)")))
    _runner._PROGRAMS.clear()
    assert pickle.loads(sent)(keys(1))["score"].to_pylist() == [4.5]
    assert opened == [str(folder)] and not (folder / ".igql").exists()


def test_functions_that_are_not_there_say_so() -> None:
    from igql._functions import _named

    with pytest.raises(ImportError, match="`gone` is not in the module `tests.conftest`|`gone` is not in the module"):
        _named(__name__, "gone")


def test_now_is_one_for_the_whole_job(tmp_path: pathlib.Path) -> None:
    folder = page(tmp_path / "w", "all(film).take(1).let(at=now).select(at)")
    assert igql.Runner("page.igql", folder)._state["call"]["at"] is None
    catalog = folder / "catalog.toml"
    catalog.write_text(catalog.read_text().replace('now = "latest"\n', ""))
    runner = igql.Runner("page.igql", folder)
    first = runner(keys(1))
    time.sleep(0.01)
    assert travelled(runner)(keys(1)).equals(first)
    assert not igql.Runner("page.igql", folder)(keys(1)).equals(first)


def test_what_fails_for_one_user_names_it(tmp_path: pathlib.Path) -> None:
    folder = page(tmp_path / "w", "user.walk(likes).walk(~likes).walk(likes).take(2)")
    with pytest.raises(igql.LimitError, match="user 1"):
        igql.Runner("page.igql", folder, max_rows=1)(keys(77, 1))


def test_a_file_needs_a_catalog() -> None:
    with pytest.raises(TypeError, match="needs a catalog"):
        igql.Runner("page.igql")


def ran(runner: igql.Runner) -> tuple[int, int]:
    table = runner(keys(1, 2))
    return table.num_rows, len(_runner._PROGRAMS)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_workers_of_a_pool(tmp_path: pathlib.Path, method: str) -> None:
    runner = igql.Runner("page.igql", page(tmp_path / "w"))
    with multiprocessing.get_context(method).Pool(2) as pool:
        for rows, _ in pool.map(ran, [runner] * 6, chunksize=1):
            assert rows == 6


def test_partitions_of_spark(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = page(tmp_path / "w", "all(film).take(2).select(v=taste, tags, title)")
    np.save(folder / "taste.npy", np.arange(10, dtype=np.float32).reshape(5, 2) + 1)
    with (folder / "catalog.toml").open("a") as catalog:
        catalog.write('\n[embedding.taste]\nentity = "film"\nfile = "taste.npy"\nmetric = "dot"\n')
    monkeypatch.setattr(igql.spark, "_USERS", 2)
    its = travelled(igql.spark.runner("page.igql", folder))
    batches: Iterator[pa.RecordBatch] = its(iter([keys(1, 2, 3), keys(), keys(4)]))
    table = pa.Table.from_batches(list(batches))
    assert table["user"].to_pylist() == [1, 1, 2, 2, 3, 3, 4, 4]
    # a list of a fixed size is none that Spark can read
    assert table.schema.field("v").type == pa.list_(pa.float32())
    assert table["v"].to_pylist()[:2] == [[1.0, 2.0], [3.0, 4.0]]
    assert list(its(iter([]))) == []


def test_actors_leave_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    for there, workers, each in [(2, 2, 0.5), (3, 2, 1.0), (64, 4, 1.0), (1, 1, 0.0), (4, 6, 0.5)]:
        monkeypatch.setattr(ray, "cluster_resources", lambda there=there: {"CPU": float(there)})
        assert igql.ray._cpus(workers) == each
