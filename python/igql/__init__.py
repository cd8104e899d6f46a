"""IGQL: a language for candidate retrieval and ranking, and the engine that runs it.

>>> import igql
>>> engine = igql.open("examples/explore")
>>> program = engine.compile("user.liked().account_nn().posted_media().take(10)")
>>> answer = program.run(user=5)
>>> [row["media_id"] for row in answer]
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ._errors import (
    CompileError,
    DataError,
    DeadlineError,
    Diagnostic,
    IgqlError,
    Label,
    LimitError,
    RequestError,
)
from ._functions import OwnFunction, function
from ._igql import Answer, Answers, Engine, Program, Row, Rows, Stream, __version__, _closing, _open
from ._reports import (
    Guesses,
    Plan,
    Replay,
    Report,
    Training,
    Tuning,
    catalog,
    replay,
    train,
    tune,
)
from ._runner import Runner

# threads of the engine come back from Python while there is one
atexit.register(_closing)

if TYPE_CHECKING:
    from ._progress import Progress

Mapping.register(Row)
Sequence.register(Rows)

__all__ = [
    "Answer",
    "Answers",
    "CompileError",
    "DataError",
    "DeadlineError",
    "Diagnostic",
    "Engine",
    "Guesses",
    "IgqlError",
    "Label",
    "LimitError",
    "OwnFunction",
    "Plan",
    "Program",
    "Replay",
    "Report",
    "RequestError",
    "Row",
    "Rows",
    "Runner",
    "Stream",
    "Training",
    "Tuning",
    "__version__",
    "catalog",
    "function",
    "load_ipython_extension",
    "open",
    "replay",
    "train",
    "tune",
]


def open(
    path: str | os.PathLike[str] = ".",
    *,
    cache: str | os.PathLike[str] | None = None,
    stale: bool = False,
    learned: str | os.PathLike[str] | None = None,
    imports: Sequence[str | os.PathLike[str]] = (),
    functions: Sequence[OwnFunction] = (),
    allow_newer: bool = False,
    progress: bool | Progress | None = None,
) -> Engine:
    """Opens a catalog: a folder with a `catalog.toml`, or the file itself.

    What is derived from the tables is brought up to date first, with a progress bar on a terminal or in a notebook.

    Args:
        path: the folder or the file.
        cache: keep `.igql` in this folder instead of next to the catalog.
        stale: use the snapshot there is, even if the data has changed.
        learned: a folder of trained versions, as for a replay of the past.
        imports: further folders from which programs may import files.
        functions: functions of your own, made with `igql.function`.
        allow_newer: when the engine travels to another process, take the snapshot that is there, even if it is
            another one; otherwise that is a `DataError`.
        progress: True or False, or a callable that gets `(stage, done, total)`.

    Raises:
        DataError: the catalog or a table is broken, with file, row and column.
    """
    from ._progress import shown

    if learned is not None and not os.path.isdir(learned):
        raise DataError(
            f"learned: there is no folder {os.fspath(learned)}\n"
            "help: train versions of the past into it: `igql.train(path, files, until=..., learned=...)`"
        )
    if isinstance(imports, (str, os.PathLike)):
        imports = [imports]
    with shown(progress) as told:
        return _open(
            path,
            cache=cache,
            stale=stale,
            learned=learned,
            imports=list(imports),
            functions=list(functions),
            allow_newer=allow_newer,
            progress=told,
        )


def load_ipython_extension(shell: object) -> None:
    """Makes the magic `%%igql` known: `%load_ext igql`."""
    from ._magic import register

    register(shell)
