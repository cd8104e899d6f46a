"""One callable from batch to batch, for engines that map over a population: Ray, Spark, Beam, Daft."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._igql import Engine, Program, _compiled, _open
from ._tables import _needs

if TYPE_CHECKING:
    import pyarrow

# one engine a process for each catalog and snapshot: a worker that is used again opens once
_ENGINES: dict[tuple[int, str, str], Engine] = {}
_LOCK = threading.Lock()


def _after_fork() -> None:
    global _LOCK
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _engine(catalog: str, snapshot: str, options: Mapping[str, Any]) -> Engine:
    key = (os.getpid(), catalog + repr(sorted(options.items())), snapshot)
    with _LOCK:
        engine = _ENGINES.get(key)
        if engine is None:
            engine = _open(catalog, **options)
            if snapshot and engine.snapshot != snapshot:
                from ._errors import DataError

                raise DataError(
                    f"the catalog {catalog} is at snapshot {engine.snapshot} on this worker, "
                    f"and the job runs on snapshot {snapshot}\n"
                    "help: every worker has to see the same files: lay the snapshot out again, and start the job anew",
                    file=catalog,
                )
            _ENGINES[key] = engine
        return engine


class Runner:
    """Runs a program for batches of users: from a record batch, or a table, of keys to a table of rows.

    It can be pickled: what travels is the program's text, the path of the catalog and the id of its snapshot. A
    worker that finds another snapshot at that path refuses to run.

    Args:
        program: a file, relative to the working directory or the catalog's folder; or a `Program`.
        catalog: the folder of the catalog, as all workers see it; None: that of the `Program`.
        query: the query to run, if the file has several.
        params, at, seed, arms: as for `Program.run`, the same for all users.
        keep_empty: a user without rows is a row of nulls.
        threads: threads of each call; engines that map have a worker a core.
        options: for `igql.open`, such as `cache`, `stale`, `learned`.
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
        keep_empty: bool = False,
        threads: int | None = 1,
        **options: Any,
    ) -> None:
        if not isinstance(program, Program):
            if catalog is None:
                raise TypeError("a program in a file needs a catalog: Runner(program, catalog)")
            engine = _open(os.path.abspath(os.fspath(catalog)), **options)
            program = engine.compile(path=program, query=query)
        self._compiled: Program | None = program
        self._state: dict[str, Any] = {
            "spec": program._spec(),
            "catalog": os.fspath(program.engine.path),
            "snapshot": program.engine.snapshot,
            "options": options,
            "call": {
                "params": dict(params) if params is not None else None,
                "at": at,
                "seed": seed,
                "arms": dict(arms) if arms is not None else None,
                "timeout": timeout,
                "threads": threads,
            },
            "keep_empty": keep_empty,
        }
        self._pid = os.getpid()

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
            state = self._state
            engine = _engine(state["catalog"], state["snapshot"], state["options"])
            self._compiled = _compiled(engine, state["spec"])
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
