"""Replays, plans and catalogs from frames: what the package shares with the command."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _frames
from ._errors import DataError, RequestError
from ._igql import (
    Engine,
    Program,
    _compiled,
    _describe,
    _explain,
    _init,
    _open,
    _replay,
    _source,
    _train,
    _tune,
)
from ._progress import Progress, shown
from ._tables import _needs

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

# what is said several times, a value each, instead of once with commas
_REPEATED = {"param", "arm", "subject-to"}
_RENAMED = {"start": "from", "end": "to", "params": "param", "arms": "arm"}


def words(options: Mapping[str, Any]) -> list[str]:
    """Options as the command has them: `start="2024-04-01", k=[5, 10]` is `--from 2024-04-01 --k 5,10`."""
    found: list[str] = []
    for name, value in options.items():
        option = "--" + _RENAMED.get(name, name).replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            found.append(option)
        elif isinstance(value, Mapping):
            for key, one in value.items():
                found += [option, f"{key}={_param(one)}"]
        elif option[2:] in _REPEATED and not isinstance(value, str):
            for one in value:
                found += [option, _word(one)]
        elif isinstance(value, Iterable) and not isinstance(value, str):
            found += [option, ",".join(_word(one) for one in value)]
        else:
            found += [option, _word(value)]
    return found


def _word(value: Any) -> str:
    if isinstance(value, datetime.timedelta):
        return f"{round(value.total_seconds())}s"
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _param(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return json.dumps([one if isinstance(one, (bool, int, float, str)) else _word(one) for one in value])
    return _word(value)


@contextmanager
def _python_words() -> Iterator[None]:
    """Says what is wrong with an option by the name that it has here: `start`, not `--from`."""
    back = {command: own for own, command in _RENAMED.items()}
    try:
        yield
    except RequestError as error:
        unknown = re.search(r"unexpected argument '--(\S+)' found", str(error))
        if unknown:
            similar = re.search(r"similar argument exists: '--(\S+)'", str(error))
            name, known = (None if it is None else back.get(it[1], it[1].replace("-", "_")) for it in (unknown, similar))
            hint = "" if known is None else f": did you mean `{known}`?"
            raise TypeError(f"unexpected option `{name}`{hint}") from None
        text = re.sub(r"--([a-z]+(-[a-z]+)*)", lambda it: back.get(it[1], it[1].replace("-", "_")), str(error))
        raise RequestError(text) from None


class Report:
    """What a replay, a tuning or a training found: as text, as a page, as a dictionary and as a frame."""

    def __init__(self, forms: tuple[str, str, str, list[str], str | None]) -> None:
        self._json, self.text, self.html, self.warnings, self.unmet = forms

    def to_json(self) -> str:
        """As the command writes it with `--format json`."""
        return self._json

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary."""
        found: dict[str, Any] = json.loads(self._json)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """A row per line of its main table."""
        return _rows(self.to_dict())

    def to_arrow(self) -> pyarrow.Table:
        """The rows as a table of pyarrow."""
        return _needs("pyarrow", "arrow").Table.from_pylist(self.rows())

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a frame of pandas."""
        frame: pandas.DataFrame = _needs("pandas", "pandas").DataFrame(self.rows())
        return frame

    def to_polars(self) -> polars.DataFrame:
        """The rows as a frame of polars."""
        frame: polars.DataFrame = _needs("polars", "polars").DataFrame(self.rows(), infer_schema_length=None)
        return frame

    def write_html(self, path: str | os.PathLike[str]) -> None:
        """Writes the page, which needs nothing else, into a file."""
        Path(path).write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        # a page of its own: its styles stay with it
        return (
            f'<iframe srcdoc="{escape(self.html, quote=True)}" sandbox style="width: 100%; height: 36em; border: 0">'
            "</iframe>"
        )

    def __str__(self) -> str:
        return self.text.rstrip("\n")

    def __repr__(self) -> str:
        return f"<igql.{type(self).__name__} {len(self.rows())} rows>"


def _rows(found: Any) -> list[dict[str, Any]]:
    """Of a replay: a row per program and metric. Of a tuning: its trials."""
    if isinstance(found.get("trials"), list):
        return [_flat(one) for one in found["trials"]]
    rows = []
    for program in found.get("programs", []):
        which = {"program": program["file"], "query": program["query"]}
        for metric, value in program.get("metrics", {}).items():
            rows.append({**which, "metric": metric, **value})
    return rows


def _flat(one: dict[str, Any]) -> dict[str, Any]:
    """What has a name of its own: values in a dictionary by theirs, without lists."""
    row: dict[str, Any] = {}
    for name, value in one.items():
        if isinstance(value, dict):
            row.update({key: cell for key, cell in value.items() if not isinstance(cell, (dict, list))})
        elif not isinstance(value, list):
            row[name] = value
    return row


def _item(item: dict[str, Any]) -> dict[str, Any]:
    version = item["version"] or {}
    row = {name: item[name] for name in ("kind", "name", "outcome")}
    number = version.get("n")
    row["version"] = None if number is None else f"{item['name']}@{number}"
    row.update({name: value for name, value in (version.get("metrics") or {}).items() if isinstance(value, (int, float))})
    return row


class Replay(Report):
    """What `igql.replay` found."""

    def metric(self, name: str, program: str | None = None) -> float:
        """The mean of a metric, of the only program or of one by its name."""
        for row in self.rows():
            if row["metric"] == name and program in (None, row["program"]):
                return float(row["mean"])
        known = ", ".join(sorted({row["metric"] for row in self.rows() if program in (None, row["program"])}))
        of = "" if program is None else f" of {program!r}"
        raise KeyError(f"no metric {name!r}{of}: there are {known or 'none'}")


def _named(programs: Program | Sequence[Program] | Mapping[str, Program]) -> list[tuple[str, Program]]:
    if isinstance(programs, Program):
        programs = [programs]
    if isinstance(programs, Mapping):
        return list(programs.items())
    named: list[tuple[str, Program]] = []
    for program in programs:
        name = program._spec()[0][0]
        while name in [own for own, _ in named]:
            name = re.sub(r"( \d+)?$", f" {len(named) + 1}", name, count=1)
        named.append((name, program))
    return named


def replay(
    programs: Program | Sequence[Program] | Mapping[str, Program],
    *,
    truth: str | Sequence[str] | None = None,
    start: str | datetime.date | None = None,
    end: str | datetime.date | None = None,
    baseline: str | Program | None = None,
    metrics: str | Sequence[str] | None = None,
    threads: int | None = None,
    progress: bool | Progress | None = None,
    **options: Any,
) -> Replay:
    """Measures how well programs would have served what users did next: `igql replay`.

    Args:
        programs: one, several, or several with names for the report.
        truth: edges from the user to what the programs give.
        start, end: requests are made at times from `start` until before `end`.
        baseline: the program that the others are compared with, or its name.
        metrics: such as `"recall@20"`.
        options: those of the command, with `_` for `-`: `every="session"`, `horizon="7d"`, `exclude_seen=True`,
            `sample=1000`, `by="country"`, `params={"n": 25}`. Where the command reads a file, a frame is as good:
            `holdout=test`, `users=[1, 2, 3]`.

    Raises:
        RequestError: an option is wrong, with its name.
    """
    all_ = _named(programs)
    if isinstance(baseline, Program):
        baseline = _name_of(baseline, all_)
    named = {"truth": truth, "start": start, "end": end, "baseline": baseline, "metrics": metrics}
    with shown(progress) as told, _frames.files({**named, **options}) as given, _python_words():
        return Replay(_replay(all_, words(given), threads, told))


def _name_of(baseline: Program, programs: Sequence[tuple[str, Program]]) -> str:
    for name, program in programs:
        if program is baseline:
            return name
    raise ValueError("`baseline` is none of the programs: it is one of them, or the name of one")


class Tuning(Report):
    """What `igql.tune` found."""

    def __init__(
        self,
        forms: tuple[str, str, str, list[str], str | None],
        values: list[tuple[str, float, float]],
        rewritten: list[tuple[str, str]],
        won: bool,
        program: Program,
    ) -> None:
        super().__init__(forms)
        self.won = won
        """Whether other values are better, on users or times that the search has not seen."""
        self.reason = self.unmet
        """Why nothing won."""
        self.before = {name: value for name, value, _ in values}
        self.values = {name: value for name, _, value in values}
        """The values that won, for `compile(tunables=...)`: those of before where nothing did."""
        self.files = dict(rewritten)
        """The texts with these values, by the names of their files."""
        self._program = program

    @property
    def program(self) -> Program:
        """The program with the values that won."""
        return _compiled(self._program.engine, _with(self._program._spec(), self.values))


def _with(spec: tuple[Any, ...], values: dict[str, float]) -> tuple[Any, ...]:
    source, query, before, max_rows = spec
    return source, query, list({**dict(before), **values}.items()), max_rows


def tune(
    program: Program,
    *,
    maximize: str,
    truth: str | Sequence[str] | None = None,
    start: str | datetime.date | None = None,
    end: str | datetime.date | None = None,
    trials: int | None = None,
    subject_to: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    threads: int | None = None,
    progress: bool | Progress | None = None,
    **options: Any,
) -> Tuning:
    """Looks for better values of a program's tunables: `igql tune`.

    Args:
        program: with `tunable`s.
        maximize: a metric, such as `"ndcg@10"`.
        truth, start, end: as for `replay`.
        trials: how many points are tried, that of the program among them.
        subject_to: what has to hold all the same, such as `"rate(see_fewer)@10 <= baseline"`.
        names: tunables; None: those that the program itself declares.
        options: those of the command, with `_` for `-`.
    """
    if isinstance(subject_to, str):
        subject_to = [subject_to]
    named = {"maximize": maximize, "truth": truth, "start": start, "end": end, "trials": trials}
    limits = {"subject_to": subject_to, "only": names}
    all_ = {**named, **limits, **options}
    named_program = _journaled(program)
    with shown(progress) as told, _frames.files(all_) as given, _python_words():
        found = _tune(named_program, words(given), threads, told)
    return Tuning(*found, program)


def _journaled(program: Program) -> Program:
    """A journal goes by a program's name: one that has none is named by its text."""
    (name, text, folder), *rest = program._spec()
    if name != "program":
        return program
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return _compiled(program.engine, ((f"program-{digest}", text, folder), *rest))


class Training(Report):
    """What `igql.train` did."""

    def rows(self) -> list[dict[str, Any]]:
        """A row per declaration: what became of it, its version, and what was measured in the test part."""
        return [_item(item) for item in self.to_dict()["items"]]

    def __init__(self, forms: tuple[str, str, str, list[str], str | None], engine: Engine) -> None:
        super().__init__(forms)
        self.engine = engine
        """The engine that reads what was trained: programs are compiled on it, or moved to it by `Program.on`."""


def train(
    catalog: str | os.PathLike[str] | Engine | Program,
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    *,
    text: str | None = None,
    names: str | Sequence[str] | None = None,
    until: str | datetime.date | None = None,
    learned: str | os.PathLike[str] | None = None,
    log: str | os.PathLike[str] | None = None,
    again: bool = False,
    dry_run: bool = False,
    threads: int | None = None,
    progress: bool | Progress | None = None,
    **options: Any,
) -> Training:
    """Trains what programs declare to be learned, where it is stale: `igql train`.

    Args:
        catalog: a folder, an engine, or a program, of which is trained what its text declares.
        files: programs whose declarations are trained, relative to the working directory or the catalog's folder.
        text: a program that is in no file. Without files and text: what the prelude declares.
        names: only these declarations.
        until: train on links before this time, for a replay of the past, into the folder `learned`.
        log: a log of `igql run --log`, whose rows are the examples of models.
        again: also what is up to date.
        dry_run: say what would be trained, and train nothing.

    Raises:
        DataError: something could not be trained, with its name and why.
    """
    sources: list[tuple[str, str, str | None]] = []
    if isinstance(catalog, Program):
        engine = catalog.engine
        sources.append(catalog._spec()[0])
    elif isinstance(catalog, Engine):
        engine = catalog
    else:
        engine = _open(catalog, progress=None)
    if text is not None:
        sources.append(("program", text, None))
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    sources += [_source(engine, file) for file in files]
    # a name of its own: `start` is the command's `--from`
    given = words({"only": names, "until": until, "learned": learned, "again": again, "dry_run": dry_run, **options})
    if log is not None:
        given += ["--from", os.fspath(log)]
    with shown(progress) as told, _python_words():
        forms, failed, newest = _train(engine, sources, given, learned, threads, told)
    if failed:
        raise DataError("\n".join(failed))
    return Training(forms, newest)


class Plan:
    """How a program runs: text, and a drawing in a notebook."""

    def __init__(self, program: Program, options: Mapping[str, Any]) -> None:
        self._program, self._options = program, dict(options)
        # with `analyze` each form is a run
        self._forms: dict[str, str] = {}

    def _as(self, form: str) -> str:
        if form not in self._forms:
            with _python_words():
                self._forms[form] = _explain(self._program, [*words(self._options), "--format", form])
        return self._forms[form]

    @property
    def text(self) -> str:
        """What `igql explain` prints."""
        return self._as("text")

    def to_dict(self) -> Any:
        """The same as data."""
        return json.loads(self._as("json"))

    def _repr_svg_(self) -> str | None:
        try:
            return self._as("svg")
        except Exception:  # a stage that cannot be drawn is text
            return None

    def __str__(self) -> str:
        return self.text.rstrip("\n")

    def __repr__(self) -> str:
        return self.text.rstrip("\n")


def explain(program: Program, *, stage: str | None = None, **options: Any) -> Plan:
    """How a program is compiled and how it will run; `stage` as for the command."""
    plan = Plan(program, {"stage": stage, **options})
    # what is wrong with an option is said at once, not when the plan is looked at
    plan._as("text")
    return plan


def describe(engine: Engine, name: str | None = None) -> str:
    """What is in a catalog, or in one entity, edge or embedding of it."""
    return _describe(engine, [] if name is None else [name])


class Guesses:
    """What `igql init` guessed of tables: the text of the catalog, and what is to be said of it."""

    def __init__(self, toml: str, notes: list[str]) -> None:
        self.toml, self.notes = toml, notes

    def __str__(self) -> str:
        """What was found, and the lines of the catalog that are guesses."""
        return "\n".join([*self.notes, *self._marked()])

    def _marked(self) -> Iterator[str]:
        section = ""
        for line in self.toml.splitlines():
            if line.startswith("["):
                section = line
            if "# guessed" in line:
                if section:
                    yield section
                    section = ""
                yield f"  {line}"

    def __repr__(self) -> str:
        return str(self)


def catalog(
    folder: str | os.PathLike[str] | None = None,
    /,
    *,
    progress: bool | Progress | None = None,
    **frames: Any,
) -> Engine:
    """Opens a catalog of frames: each becomes a table, and keys, edges and times are guessed as `igql init` does.

    Args:
        folder: where the tables and the catalog are written; None: a temporary folder, which goes with the engine.
            A `catalog.toml` that is there is kept, so that a wrong guess is corrected once.
        frames: frames of any library that knows Arrow, by the names of their tables.

    The engine has what was guessed as `guesses`.

    Raises:
        TypeError: a frame or a column cannot be a table of the engine, with the name of both.
        DataError: the tables do not fit the catalog that was kept.
    """
    if isinstance(folder, Mapping):
        raise TypeError("frames are named as keywords: catalog(user=users, item=items, likes=likes), or catalog(**frames)")
    if not frames:
        raise TypeError("a catalog needs at least one frame: catalog(user=users, item=items, likes=likes)")
    tables = {_name(name): _frames.table(name, frame) for name, frame in frames.items()}
    # the folder's name is that of the catalog
    path = Path(tempfile.mkdtemp(prefix="igql-")) / "frames" if folder is None else Path(folder)
    try:
        engine, guesses = _opened(path, tables, progress)
    except BaseException:
        if folder is None:
            _remove(path.parent, os.getpid())
        raise
    if guesses is not None:
        engine._guessed(guesses)
        if folder is None:
            weakref.finalize(guesses, _remove, path.parent, os.getpid())
    return engine


def _name(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a table: it becomes that of a file and of a thing in the language")
    return name


def _opened(
    path: Path, tables: Mapping[str, pyarrow.Table], progress: bool | Progress | None
) -> tuple[Engine, Guesses | None]:
    path.mkdir(parents=True, exist_ok=True)
    parquet = _needs("pyarrow.parquet", "arrow")
    for name, table in tables.items():
        parquet.write_table(table, path / f"{name}.parquet")
    with shown(progress) as told:
        is_known = (path / "catalog.toml").exists()
        guesses = None if is_known else Guesses(*_init(path, told))
        return _open(path, progress=told), guesses


def _remove(folder: Path, process: int) -> None:
    # a process that was forked leaves its parent's folder alone
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
