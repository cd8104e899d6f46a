"""Programs over a population, on Ray Data.

    import igql.ray, ray
    users = ray.data.read_parquet("users.parquet")
    pages = igql.ray.map(users, "explore.igql", "/data/explore")
    pages.write_parquet("pages/")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._runner import Runner

if TYPE_CHECKING:
    import ray.data

    from ._igql import Program

__all__ = ["Runner", "map"]


def map(
    users: ray.data.Dataset,
    program: str | os.PathLike[str] | Program,
    catalog: str | os.PathLike[str] | None = None,
    *,
    workers: int | tuple[int, int] = 2,
    batch_size: int = 4096,
    num_cpus: float | None = None,
    **options: Any,
) -> ray.data.Dataset:
    """Runs a program for every user of a dataset.

    Each worker is an actor with one engine; engines of one node share the pages of the snapshot. A worker that is
    killed is started again by Ray, and its batches run again: a batch gives the same rows wherever and whenever it runs.

    Args:
        users: with the viewer's key column; columns named like parameters are these.
        program, catalog, options: as for `igql.Runner`.
        workers: actors, or the least and the most of them.
        batch_size: users a call, and of a block: a worker takes one block after another.
        num_cpus: of each actor. None: one, or what leaves a CPU of the cluster for the tasks that read and write:
            actors hold theirs as long as the job runs, so if they held all it would wait for ever.
    """
    import ray.data

    runner = Runner(program, catalog, **options)
    size = _size(workers)
    # a small file is one block, and a block is one worker's
    return users.repartition(target_num_rows_per_block=batch_size).map_batches(
        _Call,
        fn_constructor_args=[runner],
        compute=ray.data.ActorPoolStrategy(**size),
        batch_format="pyarrow",
        batch_size=batch_size,
        num_cpus=_cpus(max(size.values())) if num_cpus is None else num_cpus,
    )


class _Call:
    """A class, because Ray wants one for actors. The engine is opened when the actor starts."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        assert runner.program is not None

    def __call__(self, batch: Any) -> Any:
        return self.runner(batch)


def _size(workers: int | tuple[int, int]) -> dict[str, int]:
    if isinstance(workers, tuple):
        return {"min_size": workers[0], "max_size": workers[1]}
    return {"size": workers}


def _cpus(workers: int) -> float:
    """CPUs for each of so many actors, so that one is left."""
    import ray

    if not ray.is_initialized():
        ray.init()
    there = float(ray.cluster_resources().get("CPU", 0.0))
    return min(1.0, max(0.0, there - 1) / max(workers, 1))
