"""One callable from batch to batch, for engines that map over a population: Ray, Spark, Beam, Daft."""

from __future__ import annotations

import datetime
import os
import pathlib
import socket
import threading
import tomllib
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._igql import Engine, Program, _compiled, _open
from ._tables import _needs

if TYPE_CHECKING:
    import pyarrow

_Key = tuple[int, str, str, str]

# programs of this process with their engines, the last used at the end: a worker that is used again opens once
_PROGRAMS: OrderedDict[_Key, Program] = OrderedDict()
# a worker that lives for months sees many snapshots, and should not hold them all
_KEPT = 8
_LOCK = threading.Lock()


def _after_fork() -> None:
    global _LOCK
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _key(state: Mapping[str, Any]) -> _Key:
    catalog = repr((state["catalog"], sorted(state["options"].items())))
    return os.getpid(), catalog, str(state["snapshot"]), repr(state["spec"])


def _keep(key: _Key, program: Program) -> None:
    _PROGRAMS[key] = program
    _PROGRAMS.move_to_end(key)
    while len(_PROGRAMS) > _KEPT:
        _PROGRAMS.popitem(last=False)


def _engine(key: _Key, state: Mapping[str, Any]) -> Engine:
    for known, program in _PROGRAMS.items():
        if known[:3] == key[:3]:
            return program.engine
    engine = _open(state["catalog"], **state["options"])
    if not state["options"].get("allow_newer"):
        _same(engine, state["snapshot"])
    return engine


def _program(state: Mapping[str, Any]) -> Program:
    """The program of this process: opened and compiled when it is first needed."""
    key = _key(state)
    with _LOCK:
        program = _PROGRAMS.get(key) or _compiled(_engine(key, state), state["spec"])
        _keep(key, program)
        return program


def _same(engine: Engine, snapshot: str) -> None:
    if engine.snapshot == snapshot:
        return
    from ._errors import DataError

    where = f"{engine.path} on {socket.gethostname()}"
    raise DataError(
        f"the catalog {where} is at snapshot {engine.snapshot}, and the job runs on snapshot {snapshot}\n"
        "help: every worker has to see the same files: lay the snapshot out again, and start the job anew",
        file=str(engine.path),
    )


def _options(engine: Engine) -> dict[str, Any]:
    """How the engine was opened, for another process to do the same."""
    names = ("cache", "stale", "learned", "imports", "functions", "allow_newer")
    made: Any = engine.__reduce__()[1]
    return dict(zip(names, made[1:-1], strict=True))


def _now(engine: Engine) -> datetime.datetime | None:
    """What `now` is for the whole job, where the catalog leaves that to the clock: workers run at different times."""
    file = pathlib.Path(engine.path)
    file = file / "catalog.toml" if file.is_dir() else file
    defaults = tomllib.loads(file.read_text(encoding="utf-8")).get("defaults", {})
    return None if defaults.get("now", "clock") != "clock" else datetime.datetime.now(datetime.timezone.utc)


class Runner:
    """Runs a program for batches of users: from a record batch, or a table, of keys to a table of rows.

    It can be pickled: what travels is the program's text, the path of the catalog and the id of its snapshot. A
    worker that finds another snapshot at that path refuses to run.

    Args:
        program: a file, relative to the working directory or the catalog's folder; or a `Program`.
        catalog: the folder of the catalog, as all workers see it; None: that of the `Program`.
        query: the query to run, if the file has several.
        params, at, seed, arms, timeout, max_rows, max_memory: as for `Program.run`, the same for all users; columns of
            a batch that are named like parameters are those of its users.
        keep_empty: a user without rows is a row of nulls.
        threads: threads of each call; engines that map have a worker a core.
        snapshot: the snapshot that the catalog has to be at. Needed only where each worker makes a `Runner` of its own:
            one that was pickled knows that of the process that made it.
        options: for `igql.open`, such as `cache`, `stale`, `learned`, `functions`; a `Program` has those of its engine.
    """

    def __init__(
        self,
        program: str | os.PathLike[str] | Program,
        catalog: str | os.PathLike[str] | None = None,
        *,
        query: str | None = None,
        params: Mapping[str, Any] | None = None,
        at: Any = None,
        seed: int = 0,
        arms: Mapping[str, str] | None = None,
        timeout: float | None = None,
        max_rows: int | None = None,
        max_memory: int | None = None,
        keep_empty: bool = False,
        threads: int | None = 1,
        snapshot: str | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(program, Program):
            if catalog is None:
                raise TypeError("a program in a file needs a catalog: Runner(program, catalog)")
            engine = _open(os.path.abspath(os.fspath(catalog)), **options)
            program = engine.compile(path=program, query=query)
        if snapshot is not None:
            _same(program.engine, snapshot)
        self._compiled: Program | None = program
        self._state: dict[str, Any] = {
            "spec": program._spec(),
            "catalog": os.fspath(program.engine.path),
            "snapshot": program.engine.snapshot,
            "options": _options(program.engine),
            "call": {
                "params": dict(params) if params is not None else None,
                "at": _now(program.engine) if at is None else at,
                "seed": seed,
                "arms": dict(arms) if arms is not None else None,
                "timeout": timeout,
                "max_rows": max_rows,
                "max_memory": max_memory,
                "threads": threads,
            },
            "keep_empty": keep_empty,
        }
        self._pid = os.getpid()
        with _LOCK:
            _keep(_key(self._state), program)

    def __getstate__(self) -> dict[str, Any]:
        return self._state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._state = state
        self._compiled = None
        self._pid = os.getpid()

    @property
    def program(self) -> Program:
        """The program in this process."""
        if self._compiled is None or self._pid != os.getpid():
            self._compiled = _program(self._state)
            self._pid = os.getpid()
        return self._compiled

    @property
    def schema(self) -> pyarrow.Schema:
        """The schema of what comes out."""
        return _needs("pyarrow", "arrow").schema(self.program)

    def __call__(self, users: Any) -> pyarrow.Table:
        """Runs the program for the users of a batch: a frame with the viewer's key column, or keys."""
        pa = _needs("pyarrow", "arrow")
        answers = self.program.run_batch(users, **self._state["call"])
        return pa.table(answers._table(self._state["keep_empty"]))
