"""What goes wrong, as exceptions with the engine's words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Label:
    """A further place that explains a finding."""

    message: str
    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Diagnostic:
    """One finding about a program. Lines and columns count from 1."""

    code: str
    severity: str
    message: str
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    help: str | None = None
    labels: tuple[Label, ...] = ()

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.severity} {self.code}: {self.message}"
        return text if self.help is None else f"{text}\nhelp: {self.help}"


def _label(found: dict[str, Any]) -> Label:
    start = found["span"]["start"]
    return Label(found["message"], found["file"], start["line"], start["column"])


def _diagnostic(found: dict[str, Any]) -> Diagnostic:
    start, end = found["span"]["start"], found["span"]["end"]
    return Diagnostic(
        code=found["code"],
        severity=found["severity"],
        message=found["message"],
        file=found["file"],
        line=start["line"],
        column=start["column"],
        end_line=end["line"],
        end_column=end["column"],
        help=found["help"],
        labels=tuple(_label(label) for label in found["labels"]),
    )


def diagnostics(text: str) -> list[Diagnostic]:
    """Findings as `igql check --format json` has them."""
    return [_diagnostic(found) for found in json.loads(text)]


class IgqlError(Exception):
    """Everything that the engine raises."""


class CompileError(IgqlError):
    """A program has errors. `str()` draws them below the text; `diagnostics` are the same as objects."""

    diagnostics: list[Diagnostic]

    def __init__(self, drawing: str, found: str = "[]") -> None:
        super().__init__(drawing, found)
        self.diagnostics = diagnostics(found)

    def __str__(self) -> str:
        return str(self.args[0]).rstrip("\n")


class DataError(IgqlError):
    """The catalog, a data file or the snapshot is broken, or is another one than was asked for."""

    file: str | None
    row: int | None
    line: int | None
    column: str | None

    def __init__(
        self,
        message: str,
        file: str | None = None,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        # on a terminal the word says what the text is; here the class does
        message = message.removeprefix("error: ")
        super().__init__(message, file, row, line, column)
        self.file, self.row, self.line, self.column = file, row, line, column

    def __str__(self) -> str:
        return str(self.args[0])


class RequestError(IgqlError):
    """A request does not fit the program, or a function that it needs failed."""


class LimitError(IgqlError):
    """A limit of a request was hit: rows or memory."""


class DeadlineError(IgqlError, TimeoutError):
    """A request took longer than its `timeout`."""
