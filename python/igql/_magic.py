"""The magic `%%igql` of notebooks."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from ._errors import IgqlError
from ._igql import Answer, Engine, Program


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ValueError(f"%%igql: {message}\n{self.format_usage()}")


def _parser() -> _Options:
    parser = _Options(prog="%%igql", add_help=False, allow_abbrev=False)
    parser.add_argument("--engine", help="the variable that holds the engine; else the only engine there is")
    parser.add_argument("--user", help="the key of the requesting user")
    parser.add_argument("--query")
    parser.add_argument("--at")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--why", action="store_true", help="why each row is there")
    parser.add_argument("--why-not", action="append", default=[], metavar="KEY", help="why this one is not there")
    parser.add_argument("--explain", action="store_true", help="the plan, without running it")
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


def _params(given: list[str]) -> dict[str, Any]:
    params = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise ValueError(f"%%igql: --param {one}: expected NAME=VALUE")
        params[name] = _typed(value)
    return params


def run(variables: dict[str, Any], line: str, cell: str) -> Any:
    """Compiles the cell on an engine of the notebook and runs it, or shows its plan."""
    options = _parser().parse_args(shlex.split(line))
    program = _engine(variables, options.engine).compile(cell, query=options.query, name="cell")
    found = program.explain() if options.explain else _answer(program, options)
    variables[options.out] = found
    return found


def _answer(program: Program, options: argparse.Namespace) -> Answer:
    user = None if options.user is None else _typed(options.user)
    common: dict[str, Any] = {"params": _params(options.param), "at": options.at, "seed": options.seed}
    if options.why or options.why_not:
        return program.why(user, why_not=[_typed(key) for key in options.why_not], **common)
    return program.run(user, **common)


def register(shell: Any) -> None:
    """Makes `%%igql` known to a shell."""

    def igql(line: str, cell: str) -> Any:
        try:
            return run(shell.user_ns, line, cell)
        except (IgqlError, TypeError, ValueError) as error:
            # a drawing says where: a trace of calls says nothing more
            lines = str(error).splitlines()
            error._render_traceback_ = lambda: lines  # type: ignore[union-attr]
            raise

    shell.register_magic_function(igql, magic_kind="cell", magic_name="igql")
