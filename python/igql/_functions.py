"""Functions of programs that are callables of Python."""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ._tables import _needs

if TYPE_CHECKING:
    import pyarrow

TypeName = Literal["int", "float", "bool", "string", "time", "duration"]


class OwnFunction:
    """A callable as a function of programs: registered with `igql.open(path, functions=[f])`."""

    def __init__(
        self,
        callable_: Callable[..., Any],
        name: str,
        params: list[tuple[str, str]],
        returns: str,
        strict: bool,
        range_: tuple[float, float] | None,
    ) -> None:
        self.callable = callable_
        self.name = name
        self.params = params
        self.returns = returns
        self.strict = strict
        self.range = range_
        self.doc = (inspect.getdoc(callable_) or "").partition("\n")[0]
        self.__name__ = name
        self.__doc__ = callable_.__doc__

    def __call__(self, *args: Any) -> Any:
        return self.callable(*args)

    def __repr__(self) -> str:
        params = ", ".join(f"{name}: {ty}" for name, ty in self.params)
        return f"<igql.function {self.name}({params}) -> {self.returns}>"

    def __reduce__(self) -> tuple[Any, ...]:
        module, name = self.callable.__module__, self.callable.__qualname__
        if _found(module, name) not in (self, self.callable):
            raise pickle.PicklingError(
                f"`{name}` of `{module}` cannot be found by its name: own functions travel by module and name, "
                "so define it at the top of a module that the other process can import"
            )
        return (_named, (module, name))


def _found(module: str, name: str) -> Any:
    it: Any = sys.modules.get(module)
    for part in name.split("."):
        it = getattr(it, part, None)
    return it


def _named(module: str, name: str) -> Any:
    import importlib

    importlib.import_module(module)
    found = _found(module, name)
    if found is None:
        raise ImportError(
            f"the own function `{name}` is not in the module `{module}` of this process: "
            "define it in a module that all processes can import"
        )
    return found


def function(
    *,
    args: Sequence[TypeName],
    returns: TypeName,
    null: Literal["strict", "custom"] = "strict",
    name: str | None = None,
    range: tuple[float, float] | None = None,
) -> Callable[[Callable[..., Any]], OwnFunction]:
    """Makes a function of programs of a callable over Arrow arrays.

    The callable gets a pyarrow array per argument, all of one length, and gives an array, a list or a numpy array
    of that length. It must be pure: equal arguments give equal results. With `null="strict"` it sees no nulls,
    and the result is null where an argument is; with `"custom"` it decides.
    """
    if null not in ("strict", "custom"):
        raise ValueError(f"null is 'strict' or 'custom', found {null!r}")

    def made(callable_: Callable[..., Any]) -> OwnFunction:
        names = list(inspect.signature(callable_).parameters)
        if len(names) != len(args):
            raise TypeError(
                f"`{callable_.__name__}` takes {len(names)} arguments, and `args` has {len(args)} types"
            )
        params = list(zip(names, [str(ty) for ty in args], strict=True))
        own_name = name or callable_.__name__
        return OwnFunction(callable_, own_name, params, returns, null == "strict", range)

    return made


def call(own: OwnFunction, block: Any, returns: str) -> pyarrow.Table:
    """Calls a function for a block of rows: a table of its arguments, and one of its results."""
    pa = _needs("pyarrow", "arrow")
    types = {
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.large_string(),
        "time": pa.timestamp("us", "UTC"),
        "duration": pa.duration("us"),
    }
    columns = [column.combine_chunks() for column in pa.table(block).columns]
    result = own.callable(*columns)
    if isinstance(result, pa.ChunkedArray):
        result = result.combine_chunks()
    if not isinstance(result, pa.Array):
        result = pa.array(result, from_pandas=True)
    if result.type != types[returns]:
        result = result.cast(types[returns])
    if len(result) != len(columns[0]):
        raise ValueError(f"{own.name} gave {len(result)} values for {len(columns[0])} rows")
    return pa.table({"result": result})
