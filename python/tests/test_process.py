"""Threads, forks, other processes, Ctrl-C and the end of the interpreter."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import igql
import numpy as np
import pytest

from .conftest import PAGE, world


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> igql.Program:
    """A program that takes seconds for all users, and much less than that between two looks at the clock."""
    folder = tmp_path_factory.mktemp("heavy")
    rng = np.random.default_rng(1)
    people, films = np.arange(4000), np.arange(3000)
    np.savetxt(folder / "people.csv", people, "%d", header="person_id", comments="")
    np.savetxt(folder / "films.csv", films, "%d", header="film_id", comments="")
    links = np.unique(np.stack([rng.choice(people, 300_000), rng.choice(films, 300_000)], 1), axis=0)
    np.savetxt(folder / "likes.csv", links, "%d,%d", header="person_id,film_id", comments="")
    (folder / "catalog.toml").write_text(
        '[catalog]\nname = "heavy"\nviewer = "person"\n'
        '[entity.person]\ntable = "people.csv"\nkey = "person_id"\n'
        '[entity.film]\ntable = "films.csv"\nkey = "film_id"\n'
        '[edge.likes]\ntable = "likes.csv"\nfrom = { entity = "person", column = "person_id" }\n'
        'to = { entity = "film", column = "film_id" }\n'
    )
    text = "user.walk(likes, limit=all).walk(~likes, limit=all).walk(likes, limit=all).take(10)"
    return igql.open(folder).compile(text, max_rows=10**12)


def interrupted(run: Callable[[], object], after: float) -> float:
    """Sends this process Ctrl-C while something runs; how long after that it ended."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, send)
    try:
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            run()
            time.sleep(5)
    finally:
        timer.cancel()
    return time.monotonic() - sent[0]


def test_ctrl_c_ends_a_batch(heavy: igql.Program) -> None:
    for after in [0.01, 0.1, 0.3]:
        # the aim is 50 ms; a busy machine may take its time to wake a thread
        assert interrupted(lambda: heavy.run_batch("all", max_rows=10**12), after) < 0.5
    assert len(heavy.run(user=1, max_rows=10**12)) == 10


def test_ctrl_c_ends_opening(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "large")
    rows = "\n".join(f"{i % 3 + 1},{10 + i % 5},2021-01-01" for i in range(3_000_000))
    (folder / "likes.csv").write_text("person_id,film_id,at\n" + rows + "\n")
    assert interrupted(lambda: igql.open(folder), 0.2) < 0.5
    # nothing is left in the way of the next one
    assert igql.open(folder).compile("all(film).take(1)").run()["film_id"] == [10]


def test_handlers_of_other_signals_run_meanwhile(heavy: igql.Program) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        heavy.run_batch("all", max_rows=10**12)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard == [signal.SIGALRM]


def test_many_threads(page: igql.Program) -> None:
    expected = {user: page.run(user=user).to_json() for user in [1, 2, 3]}

    def some(n: int) -> None:
        for i in range(100):
            user = (n + i) % 3 + 1
            assert page.run(user=user).to_json() == expected[user]
            assert page.run_batch([user], threads=1 + n % 2).to_arrow().num_rows == 3

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(some, range(16)))


def test_the_gil_is_free_while_the_engine_works(heavy: igql.Program) -> None:
    done = threading.Event()

    def batch() -> None:
        heavy.run_batch(list(range(200)), max_rows=10**12, threads=1)
        done.set()

    thread = threading.Thread(target=batch)
    thread.start()
    ticks = 0
    while not done.wait(0.005):
        ticks += 1
    thread.join()
    assert ticks > 5


def in_child(run: Callable[[], object]) -> None:
    """Runs something in a forked process, which must not hang."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


def test_a_fork_works_and_may_be_forked_again(page: igql.Program) -> None:
    answers = page.run_batch("all")
    expected = page.run(user=1).to_json()

    def child() -> None:
        assert page.run(user=1).to_json() == expected
        assert page.run_batch("all").to_arrow().equals(answers.to_arrow())
        assert page.engine.compile("all(film).take(1)").run()["film_id"] == [10]
        gc.collect()
        in_child(lambda: page.run_batch("all", threads=2))

    in_child(child)
    # the parent goes on
    assert page.run(user=1).to_json() == expected


def test_forks_while_other_threads_work(page: igql.Program) -> None:
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            page.run_batch("all")

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            in_child(lambda: page.run(user=1))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_fork_of_changed_data_is_refused(tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "changing")
    program = igql.open(folder).compile(PAGE)
    program.run(user=1)
    with (folder / "films.csv").open("a") as films:
        films.write("15,Fifteen,2020-06-01,9.9,war\n")

    def child() -> None:
        with pytest.raises(igql.DataError, match="snapshot"):
            program.run(user=1)

    in_child(child)


def work(program: igql.Program) -> list[int]:
    return program.run(user=1)["film_id"]


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_pools_of_processes(page: igql.Program, method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(work, [page] * 4, chunksize=1) == [[14, 13, 12]] * 4


def test_pickles(films: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = world(tmp_path / "travelling")
    engine = igql.open(folder)
    text = "tunable w in 0.0..9.0 = 1.0\nparam k: int = 1\nquery q = all(film).score(w * rating).take(k)"
    program = engine.compile(text, query="q", tunables={"w": 2.0}, name="page.igql")
    again = pickle.loads(pickle.dumps(program))
    assert again.run(params={"k": 2}).to_json() == program.run(params={"k": 2}).to_json()
    assert pickle.loads(pickle.dumps(engine)).snapshot == engine.snapshot
    sent, newer = pickle.dumps(program), pickle.dumps(igql.open(folder, allow_newer=True).compile(text))
    with (folder / "films.csv").open("a") as table:
        table.write("15,Fifteen,2020-06-01,9.9,war\n")
    with pytest.raises(igql.DataError, match="allow_newer"):
        pickle.loads(sent)
    assert pickle.loads(newer).run()["film_id"] == [15]


@igql.function(args=["float"], returns="float")
def doubled(x: "object") -> "object":
    import pyarrow.compute as pc

    return pc.multiply(x, 2.0)


def test_own_functions_travel_by_name(films: pathlib.Path) -> None:
    program = igql.open(films, functions=[doubled]).compile("all(film).score(doubled(rating)).take(1)")
    assert pickle.loads(pickle.dumps(program)).run()["score"] == [18.0]
    in_child(lambda: program.run())

    @igql.function(args=["float"], returns="float")
    def local(x: "object") -> "object":
        return x

    with pytest.raises(pickle.PicklingError, match="top of a module"):
        pickle.dumps(igql.open(films, functions=[local]))


def test_own_functions_may_ask_again(page: igql.Program, films: pathlib.Path) -> None:
    @igql.function(args=["float"], returns="float")
    def asking(x: "object") -> "object":
        assert len(page.run(user=1)) == 3
        return x

    program = igql.open(films, functions=[asking]).compile("all(film).score(asking(rating)).take(1)")
    with ThreadPoolExecutor(4) as pool:
        assert [a["score"] for a in pool.map(lambda _: program.run(), range(20))] == [[9.0]] * 20


def python(code: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **env}
    )


def test_the_interpreter_ends_while_threads_work(films: pathlib.Path) -> None:
    code = f"""
import igql, threading
page = igql.open({str(films)!r}).compile({PAGE!r})
def busy():
    while True:
        page.run_batch("all")
for _ in range(4):
    threading.Thread(target=busy, daemon=True).start()
page.run(user=1)
"""
    for _ in range(5):
        ended = python(code)
        assert ended.returncode == 0, ended.stderr


def test_ctrl_c_as_a_shell_sends_it(films: pathlib.Path) -> None:
    code = f"""
import igql, os, signal, threading
page = igql.open({str(films)!r}).compile({PAGE!r})
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
while True:
    page.run(user=1)
"""
    ended = python(code)
    assert "KeyboardInterrupt" in ended.stderr and ended.returncode != 0


def test_opens_and_closes_without_growth(films: pathlib.Path) -> None:
    def resident() -> int:
        gc.collect()
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096

    def round_() -> None:
        program = igql.open(films).compile(PAGE)
        program.run_batch("all").to_arrow()
        program.why(user=1).to_dict()

    for _ in range(50):
        round_()
    before, files = resident(), len(os.listdir("/proc/self/fd"))
    for _ in range(300):
        round_()
    assert resident() - before < 4 << 20
    assert len(os.listdir("/proc/self/fd")) <= files + 1


def test_import_is_quick() -> None:
    code = "import time; t = time.perf_counter(); import igql; print(time.perf_counter() - t)"
    assert min(float(python(code).stdout) for _ in range(5)) < 0.25


def test_own_functions_at_the_end_of_the_interpreter(films: pathlib.Path) -> None:
    code = f"""
import igql, sys, threading, time
@igql.function(args=["float"], returns="float")
def slow(x):
    time.sleep(0.5)
    return x
program = igql.open({str(films)!r}, functions=[slow]).compile("all(film).score(slow(rating)).take(1)")
threading.Thread(target=program.run, daemon=True).start()
time.sleep(0.2)
sys.exit(0)
"""
    for _ in range(3):
        ended = python(code)
        assert ended.returncode == 0 and "Fatal" not in ended.stderr, ended.stderr


def test_ctrl_c_in_an_own_function_is_ctrl_c(films: pathlib.Path) -> None:
    @igql.function(args=["float"], returns="float")
    def impatient(x: Any) -> Any:
        raise KeyboardInterrupt

    program = igql.open(films, functions=[impatient]).compile("all(film).score(impatient(rating)).take(1)")
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            program.run()


def test_failures_of_many_threads_do_not_wait_for_each_other(films: pathlib.Path) -> None:
    class Slow:
        def __del__(self) -> None:
            time.sleep(0.001)

    @igql.function(args=["float"], returns="float")
    def failing(x: Any) -> Any:
        slow = Slow()
        time.sleep(0.001)
        raise ValueError(os.urandom(6).hex() + repr(slow)[:0])

    program = igql.open(films, functions=[failing]).compile("user.walk(likes).score(failing(rating)).take(1)")

    def ask(_: int) -> None:
        for _ in range(25):
            with pytest.raises(igql.RequestError):
                program.run_batch("all", threads=2)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, range(6)))


def test_ctrl_c_ends_iterables_that_do_not_end(page: igql.Program) -> None:
    import itertools
    import resource

    # should it not be heard, the test fails, and not the machine
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, before[1]))
    assert interrupted(lambda: page.run_batch(itertools.repeat(1)), 0.2) < 1.0
    assert interrupted(lambda: page.run(1, params={"x": itertools.repeat(1)}), 0.2) < 1.0
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_handlers_may_ask_and_the_outer_request_goes_on(heavy: igql.Program) -> None:
    heard: list[int] = []

    def handler(number: int, frame: object) -> None:
        heard.append(len(heavy.run(1, max_rows=10**12)))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        assert len(heavy.run_batch("all", max_rows=10**12)) == 4000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard == [10]


def test_threads_of_forgotten_pools_end(page: igql.Program) -> None:
    for threads in range(1, 20):
        page.run_batch("all", threads=threads)
    time.sleep(0.5)
    assert len(os.listdir("/proc/self/task")) < 120
