"""What a typed application looks like. `test_typing` has mypy check it, and it is run, too."""

from __future__ import annotations

import datetime
from typing import Any, assert_type

import igql


def lengths(titles: Any) -> Any:
    """A function of programs."""
    import pyarrow.compute

    return pyarrow.compute.utf8_length(titles)


length = igql.function(args=["string"], returns="int", name="length")(lengths)


def main(catalog: str) -> list[int | str]:
    engine = igql.open(catalog, functions=[length])
    assert_type(engine, igql.Engine)
    try:
        program = engine.compile("all(film).unseen().score(length(title)).take(2)", query=None)
    except igql.CompileError as error:
        assert_type(error.diagnostics, list[igql.Diagnostic])
        raise
    answer = program.run(user=1, at=datetime.datetime(2021, 6, 1), timeout=5)
    assert_type(answer[0], igql.Row)
    assert_type(answer[:1], list[igql.Row])
    assert_type(answer["film_id"], list[Any])
    for row in answer:
        assert_type(row, igql.Row)
        assert_type(row["film_id"], Any)
    for part in program.stream([1, 2], batch_size=1):
        assert_type(part, igql.Answers)
        for one in part:
            assert_type(one, igql.Answer)
    report = igql.replay({"page": program}, truth="likes", start="2021-01-01", metrics=["hit@1"])
    assert_type(report.metric("hit@1"), float)
    assert_type(program.explain(), igql.Plan)
    return list(answer["film_id"])
