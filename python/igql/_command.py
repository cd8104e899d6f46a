"""The command `igql`, as a console script of the package."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    # Ctrl-C ends the command, or is heard by it, as without Python
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ._igql import _command

    sys.exit(_command(["igql", *sys.argv[1:]]))
