"""The magic `%%igql` of notebooks."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from ._errors import IgqlError
from ._igql import Engine


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ValueError(f"%%igql: {message}\n{self.format_usage()}")


def _parser() -> _Options:
    parser = _Options(prog="%%igql", add_help=False)
    parser.add_argument("--engine", help="the variable that holds the engine; else the only engine there is")
    parser.add_argument("--user", help="the key of the requesting user")
    parser.add_argument("--query")
    parser.add_argument("--at")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--why", action="store_true")
    parser.add_argument("--out", help="the variable that gets the answer", default="_igql")
    return parser


def _engine(variables: dict[str, Any], name: str | None) -> Engine:
    if name is not None:
        found = variables.get(name)
        if not isinstance(found, Engine):
            raise ValueError(f"%%igql: the variable `{name}` is no engine: `{name} = igql.open(PATH)`")
        return found
    engines = {id(it): (own, it) for own, it in variables.items() if isinstance(it, Engine) and not own.startswith("_")}
    if len(engines) == 1:
        return next(iter(engines.values()))[1]
    if not engines:
        raise ValueError("%%igql: there is no engine yet: `engine = igql.open(PATH)`")
    names = ", ".join(own for own, _ in engines.values())
    raise ValueError(f"%%igql: there are several engines: name one with --engine, of {names}")


def _typed(text: str) -> Any:
    """A key or a parameter as a cell has it."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def run(variables: dict[str, Any], line: str, cell: str) -> Any:
    """Compiles the cell on an engine of the notebook and runs it."""
    options = _parser().parse_args(shlex.split(line))
    engine = _engine(variables, options.engine)
    program = engine.compile(cell, query=options.query, name="cell")
    params = dict(given.split("=", 1) for given in options.param)
    ask = program.why if options.why else program.run
    answer = ask(
        user=None if options.user is None else _typed(options.user),
        params={name: _typed(value) for name, value in params.items()},
        at=options.at,
        seed=options.seed,
    )
    variables[options.out] = answer
    return answer


def register(shell: Any) -> None:
    """Makes `%%igql` known to a shell."""

    def igql(line: str, cell: str) -> Any:
        try:
            return run(shell.user_ns, line, cell)
        except (IgqlError, ValueError) as error:
            # a drawing says where: a trace of calls says nothing more
            print(error)
            return None

    shell.register_magic_function(igql, magic_kind="cell", magic_name="igql")
