import datetime
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, final, overload

import pandas
import polars
import pyarrow

from ._errors import Diagnostic
from ._functions import OwnFunction
from ._progress import Progress
from ._reports import Guesses, Plan

__version__: str

Key: TypeAlias = int | str
Path: TypeAlias = str | os.PathLike[str]
Time: TypeAlias = str | datetime.date | datetime.datetime

class ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

Users: TypeAlias = Literal["all"] | Iterable[Key] | ArrowStream

@final
class Engine:
    """A catalog that is open, on the data as it was then."""

    @property
    def path(self) -> pathlib.Path: ...
    @property
    def snapshot(self) -> str: ...
    def compile(
        self,
        text: str | None = None,
        *,
        path: Path | None = None,
        query: str | None = None,
        tunables: Mapping[str, float] | None = None,
        max_rows: int | None = None,
        name: str | None = None,
    ) -> Program:
        """Compiles a program: a text, or a file relative to the working directory or to the catalog's folder.

        Raises `CompileError` with every diagnostic.
        """

    def check(
        self,
        text: str | None = None,
        *,
        path: Path | None = None,
        query: str | None = None,
        name: str | None = None,
        assume_trained: bool = False,
    ) -> list[Diagnostic]:
        """Everything that is wrong or doubtful about a program; with `assume_trained` as if what it learns were trained."""

    def describe(self, name: str | None = None) -> str:
        """What is in the catalog, or in one entity, edge or embedding of it, as `igql describe` prints it."""

    @property
    def guesses(self) -> Guesses | None:
        """What was guessed, of a catalog that was made of frames."""

    def _guessed(self, guesses: Guesses) -> None: ...
    def reload(self) -> Engine:
        """An engine on the newest data; this one keeps what it has, and so do its programs."""

@final
class Program:
    """A checked program, ready to run, from any number of threads."""

    @property
    def query(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def warnings(self) -> list[Diagnostic]: ...
    def run(
        self,
        user: Key | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        at: Time | None = None,
        seed: int = 0,
        arms: Mapping[str, str] | None = None,
        timeout: float | None = None,
        partial: bool = False,
        max_rows: int | None = None,
        max_memory: int | None = None,
    ) -> Answer:
        """Runs it for one request.

        Args:
            user: the key of the requesting user.
            params: values of the program's parameters.
            at: what `now` means; times without a zone are UTC.
            seed: of the random functions.
            arms: arms of experiments, whatever the user.
            timeout: seconds, after which a `DeadlineError` is raised.
            partial: at a limit, give what there is by then.
            max_rows, max_memory: rows that an operator may make, bytes that may be held: else a `LimitError`.
        """

    async def run_async(
        self,
        user: Key | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        at: Time | None = None,
        seed: int = 0,
        arms: Mapping[str, str] | None = None,
        timeout: float | None = None,
        partial: bool = False,
        max_rows: int | None = None,
        max_memory: int | None = None,
    ) -> Answer:
        """The same on another thread."""

    def why(
        self,
        user: Key | None = None,
        *,
        why_not: Key | Iterable[Key] | None = None,
        params: Mapping[str, Any] | None = None,
        at: Time | None = None,
        seed: int = 0,
        arms: Mapping[str, str] | None = None,
        timeout: float | None = None,
        max_rows: int | None = None,
        max_memory: int | None = None,
    ) -> Answer:
        """Runs it for one request and says of every row why it is there (`Row.why`), and of keys why they are not
        (`Answer.why_not`)."""

    def run_batch(
        self,
        users: Users,
        *,
        params: Mapping[str, Any] | None = None,
        at: Time | None = None,
        seed: int = 0,
        arms: Mapping[str, str] | None = None,
        timeout: float | None = None,
        partial: bool = False,
        max_rows: int | None = None,
        max_memory: int | None = None,
        threads: int | None = None,
    ) -> Answers:
        """Runs it for many users in vectorised passes: each gets the answer that it would get alone.

        Args:
            users: `"all"`, keys, or a frame with the viewer's key column; a column `at` or `now` is the time of each
                request, and columns named like parameters are these.
            threads: threads to use; None: all cores.
        """

    def stream(
        self,
        users: Users,
        *,
        batch_size: int = 4096,
        params: Mapping[str, Any] | None = None,
        at: Time | None = None,
        seed: int = 0,
        arms: Mapping[str, str] | None = None,
        timeout: float | None = None,
        partial: bool = False,
        max_rows: int | None = None,
        max_memory: int | None = None,
        threads: int | None = None,
    ) -> Stream:
        """The same part by part: memory does not grow with the number of users."""

    def explain(self, *, stage: str | None = None, **options: Any) -> Plan:
        """How it is compiled and how it will run: an object with text, and a drawing in a notebook.

        Options are those of `igql explain`, with `_` for `-`.
        """

    def on(self, engine: Engine) -> Program:
        """The same program on another engine, as `Engine.reload` gives."""

    def __arrow_c_schema__(self) -> object: ...
    def _spec(self) -> tuple[Any, ...]: ...

@final
class Row(Mapping[str, Any]):
    """One entity in a list: a mapping from names of columns to values."""

    @property
    def why(self) -> dict[str, Any] | None: ...
    def __getitem__(self, name: str) -> Any: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...

@final
class Rows:
    """The rows of one list, best first: a sequence, with its columns by name."""

    @property
    def name(self) -> str | None: ...
    @property
    def key(self) -> str: ...
    @property
    def columns(self) -> list[str]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, index: str) -> list[Any]: ...
    def __iter__(self) -> Iterator[Row]: ...

@final
class Answer:
    """The answer to one request: a sequence of its rows, with its columns by name."""

    @property
    def user(self) -> Key | None: ...
    @property
    def query(self) -> str: ...
    @property
    def now(self) -> datetime.datetime: ...
    @property
    def snapshot(self) -> str: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def versions(self) -> list[str]: ...
    @property
    def arms(self) -> dict[str, str]: ...
    @property
    def partial(self) -> bool: ...
    @property
    def rows(self) -> Rows: ...
    @property
    def lists(self) -> dict[str, Rows]: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def why_not(self) -> list[dict[str, Any]]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, index: str) -> list[Any]: ...
    def __iter__(self) -> Iterator[Row]: ...
    def to_json(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_arrow(self) -> pyarrow.Table: ...
    def to_pandas(self) -> pandas.DataFrame: ...
    def to_polars(self) -> polars.DataFrame: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def _repr_html_(self) -> str: ...

@final
class Answers:
    """The answers to many requests, in their order: a sequence of answers, and a table of all their rows."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> Answer: ...
    @overload
    def __getitem__(self, index: slice) -> list[Answer]: ...
    def __iter__(self) -> Iterator[Answer]: ...
    def to_arrow(self) -> pyarrow.Table: ...
    def to_pandas(self) -> pandas.DataFrame: ...
    def to_polars(self) -> polars.DataFrame: ...
    def write(self, path: Path) -> None:
        """Writes the answers into a file, whose extension says how: as `igql run -o`."""

    def write_parquet(self, path: Path) -> str:
        """The same as Parquet. A folder, or a path that ends with `/`, gets a file per part of a stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def _repr_html_(self) -> str: ...
    def _table(self, keep_empty: bool) -> ArrowStream: ...

@final
class Stream:
    """Answers part by part."""

    def __iter__(self) -> Stream: ...
    def __next__(self) -> Answers: ...

def _open(
    path: Path,
    *,
    cache: Path | None = None,
    stale: bool = False,
    learned: Path | None = None,
    imports: Sequence[Path] = (),
    functions: Sequence[OwnFunction] = (),
    allow_newer: bool = False,
    progress: Progress | None = None,
) -> Engine: ...
def _compiled(engine: Engine, spec: tuple[Any, ...]) -> Program: ...
_Forms: TypeAlias = tuple[str, str, str, list[str], str | None]

def _replay(
    programs: Sequence[tuple[str, Program]], words: Sequence[str], threads: int | None, progress: Progress | None
) -> _Forms: ...
def _tune(
    program: Program, words: Sequence[str], threads: int | None, progress: Progress | None
) -> tuple[_Forms, list[tuple[str, float, float]], list[tuple[str, str]], bool]: ...
def _train(
    engine: Engine,
    sources: Sequence[tuple[str, str, str | None]],
    words: Sequence[str],
    learned: Path | None,
    threads: int | None,
    progress: Progress | None,
) -> tuple[_Forms, list[str], Engine]: ...
def _source(engine: Engine, path: Path) -> tuple[str, str, str | None]: ...
def _explain(program: Program, words: Sequence[str]) -> str: ...
def _describe(engine: Engine, words: Sequence[str]) -> str: ...
def _init(folder: Path, progress: Progress | None) -> tuple[str, list[str]]: ...
def _command(args: Sequence[str]) -> int: ...
def _closing() -> None: ...
