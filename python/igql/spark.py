"""Programs over a population, on Spark.

    import igql.spark
    users = spark.read.parquet("users.parquet")
    pages = igql.spark.map(users, "explore.igql", "/data/explore")
    pages.write.parquet("pages/")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._runner import Runner
from ._tables import _needs

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from ._igql import Program

__all__ = ["map", "runner", "schema"]

Batches = Iterator["pyarrow.RecordBatch"]

# users a call: Spark's batches are larger, and the answers to one are held until they are written
_USERS = 4096


def runner(
    program: str | os.PathLike[str] | Program, catalog: str | os.PathLike[str] | None = None, **options: Any
) -> Callable[[Batches], Batches]:
    """What `DataFrame.mapInArrow` calls for each partition; arguments are those of `igql.Runner`."""
    return _Map(Runner(program, catalog, **options))


def schema(
    program: str | os.PathLike[str] | Program, catalog: str | os.PathLike[str] | None = None, **options: Any
) -> StructType:
    """The schema of what comes out, as `DataFrame.mapInArrow` wants it."""
    return _schema(Runner(program, catalog, **options))


def map(
    users: DataFrame,
    program: str | os.PathLike[str] | Program,
    catalog: str | os.PathLike[str] | None = None,
    **options: Any,
) -> DataFrame:
    """Runs a program for every user of a frame with the viewer's key column.

    Tasks that are lost are run again by Spark: a batch gives the same rows wherever and whenever it runs.
    """
    its = Runner(program, catalog, **options)
    return users.mapInArrow(_Map(its), _schema(its))


class _Map:
    def __init__(self, its: Runner) -> None:
        self.runner = its

    def __call__(self, batches: Batches) -> Batches:
        pa = _needs("pyarrow", "arrow")
        for batch in batches:
            for at in range(0, batch.num_rows, _USERS):
                rows = self.runner(batch.slice(at, _USERS))
                yield from rows.cast(_plain_schema(pa, rows.schema)).to_batches()


def _schema(its: Runner) -> StructType:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(_plain_schema(_needs("pyarrow", "arrow"), its.schema))


def _plain_schema(pa: Any, schema: pyarrow.Schema) -> pyarrow.Schema:
    return pa.schema([pa.field(field.name, _plain(pa, field.type)) for field in schema])


def _plain(pa: Any, ty: Any) -> Any:
    """Vectors are lists to Spark, which knows none of a fixed size."""
    if pa.types.is_fixed_size_list(ty) or pa.types.is_list(ty):
        return pa.list_(_plain(pa, ty.value_type))
    return ty
