"""Programs over a population on Ray Data and Spark, beside `igql run --users`.

    benches/scale.sh FOLDER [--engines ray,spark] [--only rows,failures,memory,speed] [--users 200000]

First that rows are those of `igql run`, byte for byte, for 1, 2 and 7 partitions; that a worker which is killed costs no
row; that a worker with other data refuses, and what fails for one user is told with that user. Then the memory of
workers, and users per second of two workers, also per second of a processor, which says more where other work goes on.
Start-up is left out: rates are of what all users take beyond a few.
"""

import argparse
import contextlib
import glob
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import igql
import igql.ray
import igql.spark
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PEOPLE = 700
PROGRAMS = {
    "rows": "param n: int = 3\nuser.walk(likes).walk(~likes).walk(likes).unseen().score(count(~likes(it)) * rating).take(n)"
    ".select(title, tags, released, taste, rating)",
    "lists": "param n: int = 3\nbest = all(film).unseen().score(rating).take(n)\nown = user.walk(likes).score(rating).take(5)\n"
    "{best: best.select(title, tags, taste), own: own.select(title, released)}",
}
CATALOG = """
[catalog]
name = "films"
viewer = "person"
[entity.person]
table = "people.parquet"
key = "person_id"
[entity.film]
table = "films.csv"
key = "film_id"
time = "released"
[entity.film.columns]
tags = { type = "list[string]", separator = "|" }
[edge.likes]
table = "likes.csv"
from = { entity = "person", column = "person_id" }
to = { entity = "film", column = "film_id" }
time = "at"
[embedding.taste]
entity = "film"
file = "taste.npy"
metric = "dot"
[defaults]
now = "latest"
seen = ["likes"]
"""


def films(folder: Path) -> Path:
    """Keys that are strings, people without links, and films with tags, times, vectors and ratings that are missing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    people = [f"p{i:04}" for i in range(PEOPLE)]
    pq.write_table(pa.table({"person_id": people, "age": rng.integers(18, 80, PEOPLE)}), folder / "people.parquet")
    tags = ["drama|war", "", "comedy", "café"]
    rows = [f'f{i},"F, {i}",2020-01-{i % 28 + 1:02},{"" if i % 5 == 0 else i % 10},{tags[i % 4]}' for i in range(90)]
    (folder / "films.csv").write_text("\n".join(["film_id,title,released,rating,tags", *rows]) + "\n")
    links = sorted({(people[a], b) for a, b in zip(rng.integers(0, PEOPLE - 100, 4000), rng.integers(0, 90, 4000))})
    rows = [f"{person},f{film},2021-01-{(film % 28) + 1:02}" for person, film in links]
    (folder / "likes.csv").write_text("\n".join(["person_id,film_id,at", *rows]) + "\n")
    np.save(folder / "taste.npy", rng.normal(size=(90, 4)).astype(np.float32))
    (folder / "catalog.toml").write_text(CATALOG)
    for name, text in PROGRAMS.items():
        (folder / f"{name}.igql").write_text(text)
    return folder


def command(*args: object, **env: str) -> None:
    subprocess.run([sys.executable, "-m", "igql", *map(str, args)], check=True, capture_output=True, env={**os.environ, **env})


# what runs in workers


def _marked(name: str) -> bool:
    """Whether a mark was there; it is for one worker alone."""
    try:
        os.unlink(os.path.join(os.environ["SCALE_MARKS"], name))
    except FileNotFoundError:
        return False
    return True


@igql.function(args=["int"], returns="int")
def deadly(x: pa.Array) -> pa.Array:
    """Kills the process that calls it, once."""
    if _marked("kill"):
        os.kill(os.getpid(), 9)
    return x


@igql.function(args=["int"], returns="int")
def fussy(x: pa.Array) -> pa.Array:
    """Does not like one user's age."""
    if 1000 in x.to_pylist():
        raise ValueError("1000 is no age")
    return x


_OPENED = 0


class Probe:
    """A runner that tells what its process has opened, and its memory: before, and after a batch."""

    def __init__(self, runner: igql.Runner) -> None:
        self.runner = runner

    def __call__(self, batch: pa.RecordBatch) -> pa.Table:
        from igql import _runner

        if not hasattr(_runner, "counted"):
            _runner.counted, real = [], _runner._open
            _runner._open = lambda *args, **options: (_runner.counted.append(1), real(*args, **options))[1]
            pa.table({"x": [1]})
            _runner.before = memory()
        self.runner(batch)
        now, before = memory(), _runner.before
        told = {"pid": os.getpid(), "opened": len(_runner.counted), "whole": now["Pss"], "shared": now["Shared_Clean"]}
        return pa.table({k: [v] for k, v in {**told, "own": now["Private_Dirty"] - before["Private_Dirty"]}.items()})


class Probes:
    """The same for partitions of Spark."""

    def __init__(self, runner: igql.Runner) -> None:
        self.probe = Probe(runner)

    def __call__(self, batches):
        for batch in batches:
            yield from self.probe(batch).to_batches()


class ProbeActor(Probe):
    """The same as an actor of Ray."""


def memory() -> dict[str, int]:
    """Of this process, in kB."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


# the engines


class Ray:
    name = "Ray"

    def __init__(self, folder: Path) -> None:
        import logging

        # a busy machine is slow to start, and Ray's workers stand back behind everybody else's processes
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")
        os.environ.setdefault("RAY_worker_niceness", "0")
        import ray

        ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel("CRITICAL")
        self.ray, self.folder = ray, folder

    def users(self, file: Path, partitions: int):
        return self.ray.data.from_arrow(pq.read_table(file)).repartition(partitions).materialize()

    def run(self, users, program, catalog=None, **options) -> pa.Table:
        return self.table(igql.ray.map(users, program, catalog, batch_size=100, **options))

    def table(self, ds) -> pa.Table:
        blocks = [block for block in self.ray.get(ds.to_arrow_refs()) if block.num_columns]
        return pa.concat_tables(blocks)

    def probe(self, users, runner) -> pa.Table:
        pool = self.ray.data.ActorPoolStrategy(size=2)
        return self.table(
            users.map_batches(ProbeActor, fn_constructor_args=[runner], compute=pool, batch_format="pyarrow",
                              batch_size=4096, num_cpus=0.5)
        )

    def contract(self, users, program, catalog) -> pa.Table:
        pool = self.ray.data.ActorPoolStrategy(size=1)
        return self.table(
            users.map_batches(igql.Runner, fn_constructor_args=[program, catalog], compute=pool, batch_format="pyarrow",
                              batch_size=4096, num_cpus=1)
        )

    def write(self, file: Path, program, out: Path) -> None:
        igql.ray.map(self.ray.data.read_parquet(str(file)), program).write_parquet(str(out))

    def stop(self) -> None:
        self.ray.shutdown()


class Spark:
    name = "Spark"

    def __init__(self, folder: Path, **conf: str) -> None:
        from pyspark.sql import SparkSession

        for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
            os.environ[name] = sys.executable
        made = SparkSession.builder.master("local[2,4]").appName("igql").config("spark.driver.host", "127.0.0.1")
        settings = {"spark.ui.enabled": "false", "spark.driver.memory": "2g", "spark.log.level": "OFF",
                    "spark.sql.session.timeZone": "Asia/Tokyo", "spark.local.dir": str(folder / "spark"), **conf}
        for name, value in settings.items():
            made = made.config(name, value)
        self.spark = made.getOrCreate()

    def users(self, file: Path, partitions: int):
        return self.spark.read.parquet(str(file)).repartition(partitions)

    def run(self, users, program, catalog=None, **options) -> pa.Table:
        return igql.spark.map(users, program, catalog, **options).toArrow()

    def probe(self, users, runner) -> pa.Table:
        schema = "pid long, opened long, whole long, shared long, own long"
        return users.mapInArrow(Probes(runner), schema).toArrow()

    def contract(self, users, program, catalog) -> pa.Table:
        runner, schema = igql.spark.runner(program, catalog), igql.spark.schema(program, catalog)
        return users.mapInArrow(runner, schema).toArrow()

    def write(self, file: Path, program, out: Path) -> None:
        users = self.spark.read.parquet(str(file)).repartition(2)
        igql.spark.map(users, program).write.mode("overwrite").parquet(str(out))

    def stop(self) -> None:
        self.spark.stop()


# what has to be


def ordered(table: pa.Table, users: list, schema: pa.Schema) -> bytes:
    """Rows in the order of the users, as the bytes of a file."""
    place = {user: at for at, user in enumerate(users)}
    order = np.argsort([place[user] for user in table[0].to_pylist()], kind="stable")
    sink = pa.BufferOutputStream()
    pq.write_table(table.cast(schema).take(order).combine_chunks(), sink)
    return sink.getvalue().to_pybytes()


def rows(engine, folder: Path) -> None:
    catalog = films(folder / "films")
    people = [f"p{i:04}" for i in range(PEOPLE)] + ["nobody"]
    who = folder / "who.parquet"
    pq.write_table(pa.table({"person_id": people, "n": [None if i % 3 == 0 else i % 4 + 1 for i in range(len(people))]}), who)
    for name in PROGRAMS:
        for keep in [False, True]:
            program, out = catalog / f"{name}.igql", folder / "expected.parquet"
            command("run", program, "--users", who, "-o", out, *(["--keep-empty"] if keep else []))
            expected = pq.read_table(out)
            schema = plain(igql.Runner(program, catalog).schema)
            assert expected.num_rows > 1000
            for partitions in [1, 2, 7]:
                found = engine.run(engine.users(who, partitions), program, catalog, keep_empty=keep)
                same = ordered(found, people, schema) == ordered(expected, people, schema)
                assert same, f"{engine.name}: {name}, keep_empty={keep}, {partitions} partitions"
    by_contract = engine.contract(engine.users(who, 1), "rows.igql", str(catalog))
    command("run", catalog / "rows.igql", "--users", who, "-o", out)
    schema = plain(igql.Runner("rows.igql", catalog).schema)
    assert ordered(by_contract, people, schema) == ordered(pq.read_table(out), people, schema)
    none = folder / "none.parquet"
    pq.write_table(pq.read_table(who).slice(0, 3), none)
    few = engine.run(engine.users(none, 7), program, catalog)
    assert few.num_rows > 0 and set(few[0].to_pylist()) <= set(people[:3])
    print(f"{engine.name}: rows of `igql run`, byte for byte, for 1, 2 and 7 partitions, empty ones among them")


def plain(schema: pa.Schema) -> pa.Schema:
    """Without what engines change: the width of offsets, and whether lists have a fixed size."""

    def of(ty):
        if pa.types.is_fixed_size_list(ty) or pa.types.is_list(ty):
            return pa.list_(of(ty.value_type))
        return pa.string() if pa.types.is_large_string(ty) else ty

    return pa.schema([(field.name, of(field.type)) for field in schema])


@contextlib.contextmanager
def refused(engine, *words: str):
    try:
        yield
    except Exception as error:
        said = str(error)
        assert all(word in said for word in words), said
        return
    raise AssertionError(f"{engine.name}: no error with {words}")


def failures(engine, folder: Path) -> None:
    import scale

    catalog = films(folder / "failing")
    who, marks = catalog / "people.parquet", Path(os.environ["SCALE_MARKS"])
    users = engine.users(who, 7)

    text = "user.walk(likes).score(deadly(viewer.age)).take(5)"
    program = igql.open(catalog, functions=[scale.deadly]).compile(text)
    expected = pa.table(program.run_batch(pq.read_table(who, columns=["person_id"])))
    people = pq.read_table(who)["person_id"].to_pylist()
    (marks / "kill").write_text("")
    found = engine.run(users, program)
    assert not (marks / "kill").exists(), "nobody died"
    schema = plain(expected.schema)
    assert ordered(found, people, schema) == ordered(expected, people, schema)
    print(f"{engine.name}: a worker was killed within a batch; no row is lost, none is there twice")

    odd = pq.read_table(who)
    ages = odd["age"].to_pylist()
    ages[333] = 1000
    pq.write_table(odd.set_column(1, "age", [ages]), who)
    program = igql.open(catalog, functions=[scale.fussy]).compile(text.replace("deadly", "fussy"))
    with refused(engine, "`fussy` failed for user p0333", "1000 is no age"):
        engine.run(users, program)
    walks = igql.open(catalog).compile("user.walk(likes).walk(~likes).walk(likes).take(5)")
    with refused(engine, "LimitError", "user p"):
        engine.run(users, walks, max_rows=500)
    print(f"{engine.name}: what fails for one user ends the job with that user's name")

    program = igql.open(catalog).compile("all(film).take(2)")
    runner = igql.Runner(program)
    with (catalog / "films.csv").open("a") as table:
        table.write("f999,New,2020-01-01,1,\n")
    np.save(catalog / "taste.npy", np.zeros((91, 4), np.float32))
    with refused(engine, "is at snapshot", f"the job runs on snapshot {runner._state['snapshot']}"):
        engine.probe(users, runner)
    print(f"{engine.name}: a worker that finds another snapshot refuses")


def opened_once(engine, folder: Path) -> None:
    world = demo(folder, 200_000)
    program = igql.open(world).compile(path="page.igql")
    who = folder / "few.parquet"
    pq.write_table(pq.read_table(folder / "users.parquet").slice(0, 30_000), who)
    runner = igql.Runner(program)
    told = [engine.probe(engine.users(who, 7), runner) for _ in range(2)]
    workers: dict[int, tuple] = {}
    for row in pa.concat_tables(told).to_pylist():
        assert row["opened"] <= 1, row
        most = max(row["own"], workers.get(row["pid"], (0,))[0])
        workers[row["pid"]] = (most, row["whole"], row["shared"])
    print(f"{engine.name}: {len(workers)} processes in two jobs of 7 partitions, each opened once")
    own, whole, shared = max(workers.values())
    print(f"{engine.name}: a worker has {own / 1024:.0f} MB of its own for the engine; {shared / 1024:.0f} MB are shared with "
          f"others; proportional share of the whole process {whole / 1024:.0f} MB")
    assert own < 100 * 1024, own


# how fast


def demo(folder: Path, users: int) -> Path:
    world = folder / f"world{users}"
    if not world.exists():
        command("demo", world, "--users", users, "--accounts", users // 10, "--media", users // 2, "--impressions", 30 * users)
    page = (world / "published.igql").read_text().strip()
    (world / "page.igql").write_text(page.replace(".diversify_by(seed_id, method=round_robin)", "") + "\n.take(25)\n")
    keys = pq.read_table(world / "users.parquet", columns=["user_id"])
    pq.write_table(keys, folder / "users.parquet")
    return world


def processor() -> float:
    """Seconds of processors that this process and all below it have taken."""
    parents, taken = {}, {}
    for file in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = Path(file).read_text().rpartition(")")[2].split()
            pid = int(file.split("/")[2])
            parents[pid], taken[pid] = int(fields[1]), sum(map(int, fields[11:15]))

    def is_below(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_below(parents[pid]))

    return sum(ticks for pid, ticks in taken.items() if is_below(pid)) / os.sysconf("SC_CLK_TCK")


def timed(run) -> np.ndarray:
    began, taken = time.perf_counter(), processor()
    run()
    return np.array([time.perf_counter() - began, processor() - taken])


def speed(engine, folder: Path, args) -> None:
    world = demo(folder, args.users)
    everybody, few = folder / "users.parquet", folder / "few.parquet"
    keys = pq.read_table(everybody)
    pq.write_table(keys.slice(0, args.few), few)
    program = igql.open(world).compile(path="page.igql")
    out = folder / "out"
    rates: dict[str, list[np.ndarray]] = {"igql": [], engine.name: []}

    def by_command(users):
        command("run", world / "page.igql", "--users", users, "--threads", 2, "-o", folder / "x.parquet")

    def by_engine(users):
        shutil.rmtree(out, ignore_errors=True)
        engine.write(users, program, out)

    by_engine(few)
    for _ in range(args.runs):
        for name, run in [("igql", by_command), (engine.name, by_engine)]:
            some, all_ = timed(lambda: run(few)), timed(lambda: run(everybody))
            rates[name].append((keys.num_rows - args.few) / (all_ - some))
            print(f"  {name}: {args.few} users {some[0]:.1f} s, {keys.num_rows} users {all_[0]:.1f} s", flush=True)
    rows_of = sum(pq.read_metadata(file).num_rows for file in glob.glob(f"{out}/*.parquet"))
    assert rows_of == pq.read_metadata(folder / "x.parquet").num_rows
    ours, theirs = (np.median(each, axis=0) for each in rates.values())
    print(f"{engine.name}: {rows_of} rows; two workers {theirs[0]:,.0f} users/s, `igql run --threads 2` {ours[0]:,.0f}: "
          f"{theirs[0] / ours[0]:.0%}; a second of a processor {theirs[1]:,.0f} and {ours[1]:,.0f} users: {theirs[1] / ours[1]:.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", default="ray,spark")
    parser.add_argument("--only", default="rows,failures,memory,speed")
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--few", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    folder = args.folder.absolute()
    (folder / "marks").mkdir(parents=True, exist_ok=True)
    os.environ["SCALE_MARKS"] = str(folder / "marks")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    for name in args.engines.split(","):
        engine = {"ray": Ray, "spark": Spark}[name](folder)
        try:
            for what in args.only.split(","):
                {"rows": rows, "failures": failures, "memory": opened_once,
                 "speed": lambda *of: speed(*of, args)}[what](engine, folder)
        finally:
            engine.stop()


if __name__ == "__main__":
    # what travels to workers is found by the name of its module, which is another than that of a script
    import scale

    scale.main()
