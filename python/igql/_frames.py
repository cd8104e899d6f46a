"""Frames of other libraries, as tables and as files that the engine reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._tables import _needs

if TYPE_CHECKING:
    import pyarrow


def table(name: str, frame: Any) -> pyarrow.Table:
    """A frame as a table whose columns the engine reads; what cannot be one is an error with the frame's name."""
    pa = _needs("pyarrow", "arrow")
    try:
        made = _arrow(pa, frame)
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        said = "; ".join(str(part) for part in error.args)
        raise TypeError(f"{name}: this cannot become a table: {said}") from error
    return pa.table([_plain(pa, name, made.field(at), column) for at, column in enumerate(made.columns)], made.column_names)


def _arrow(pa: Any, frame: Any) -> pyarrow.Table:
    if isinstance(frame, (pa.Table, pa.RecordBatch)):
        return pa.table(frame)
    if _is_pandas(frame):
        return pa.Table.from_pandas(_without_index(frame), preserve_index=False)
    if type(frame).__name__ == "LazyFrame":
        frame = frame.collect()
    if _is_frame(frame):
        return pa.table(frame)
    raise TypeError(f"expected a frame of pandas, polars, pyarrow or what else knows Arrow, found {type(frame).__name__}")


def _is_frame(it: Any) -> bool:
    # a series has a stream, too, but no columns
    return hasattr(it, "__arrow_c_stream__") and any(hasattr(it, name) for name in ("columns", "column_names", "schema"))


def _is_pandas(frame: Any) -> bool:
    kind = type(frame)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame"


def _without_index(frame: Any) -> Any:
    """Levels of an index that have names are columns; one without a name only numbers the rows."""
    named = [level for level in frame.index.names if level is not None]
    if not named:
        return frame
    others = [at for at, level in enumerate(frame.index.names) if level is None]
    return frame.reset_index(level=others, drop=True).reset_index() if others else frame.reset_index()


def _plain(pa: Any, name: str, field: Any, column: Any) -> Any:
    """Categories are their values; what other libraries mean by a type of their own is not guessed."""
    if isinstance(field.type, pa.BaseExtensionType):
        raise TypeError(
            f"{name}: column `{field.name}` has the type {field.type}, which the engine does not know: "
            "make it a number, a string or a time"
        )
    if not pa.types.is_dictionary(field.type):
        return column
    values = field.type.value_type
    # not every kind of string can be taken from
    values = pa.large_string() if pa.types.is_string_view(values) else values
    chunks = [chunk.dictionary.cast(values).take(chunk.indices) for chunk in column.chunks]
    return pa.chunked_array(chunks, values)


# options of which the command reads files
_FILES = ("users", "holdout", "requests")


@contextmanager
def files(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Options with frames and keys as files, as the command reads them."""
    with tempfile.TemporaryDirectory(prefix="igql-") as folder:
        yield {name: _file(folder, name, value) for name, value in options.items()}


def _file(folder: str, name: str, value: Any) -> Any:
    if name not in _FILES or value is None or isinstance(value, (str, os.PathLike)):
        return value
    path = Path(folder) / name
    if _is_frame(value) or type(value).__name__ == "LazyFrame":
        path = path.with_suffix(".parquet")
        _needs("pyarrow.parquet", "arrow").write_table(table(name, value), path)
        return path
    if name == "users" and isinstance(value, Iterable):
        path.write_text("".join(f"{key}\n" for key in value), encoding="utf-8")
        return path
    return value
