"""Progress of long work, on a terminal or in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

Progress = Callable[[str, int, int], None]
"""Gets the name of the stage, the steps that are done, and those that there are."""

# what is done sooner needs no bar
_PATIENCE = 0.5


def _notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class _Bar:
    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.drawn = False

    def __call__(self, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self.begun >= _PATIENCE:
            self.drawn = True
            self.draw(stage, min(done / total, 1.0) if total else 0.0)

    def draw(self, stage: str, share: float) -> None:
        filled = round(share * 30)
        print(f"\r{stage[:24]:24} [{'=' * filled}{' ' * (30 - filled)}] {share:4.0%}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.drawn:
            print(f"\r{'':64}\r", end="", file=sys.stderr, flush=True)


class _Display(_Bar):
    def __init__(self) -> None:
        super().__init__()
        self.handle: Any = None

    def draw(self, stage: str, share: float) -> None:
        from IPython.display import HTML, display

        page = HTML(f"<progress value='{share:.3f}' max='1'></progress> {escape(stage)}")
        if self.handle is None:
            self.handle = display(page, display_id=True)
        else:
            self.handle.update(page)

    def close(self) -> None:
        if self.handle is not None:
            from IPython.display import HTML

            self.handle.update(HTML(""))


@contextmanager
def shown(progress: bool | Progress | None) -> Iterator[Progress | None]:
    """The callable that is told of progress: as given, or a bar where somebody looks."""
    if callable(progress):
        yield progress
        return
    notebook = _notebook()
    wanted = progress if progress is not None else notebook or sys.stderr.isatty()
    if not wanted:
        yield None
        return
    bar = _Display() if notebook else _Bar()
    try:
        yield bar
    finally:
        bar.close()
