"""The notebooks of the gallery run, and outputs that are saved are those of this version."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
from typing import Any

import pytest

from .test_docs import ROOT

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


def texts(cell: dict[str, Any]) -> list[str]:
    """What a cell shows as text, without what is measured and what is made anew each time."""
    found = []
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        text = "".join(text)
        text = re.sub(r"in \d+ us", "in N us", re.sub(r"/\S*/(ipykernel_|tmp)\w+", "TMP", text))
        found.append(text)
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_saved(path: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    # a kernel is another process: it imports what this one does
    import igql

    package = str(pathlib.Path(igql.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))
    for name in ["explore", "movies"]:
        source = ROOT / "examples" / name
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns(".igql"))
    (tmp_path / "notebooks").mkdir()
    saved = json.loads(path.read_text(encoding="utf-8"))
    again = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    where = {"metadata": {"path": str(tmp_path / "notebooks")}}
    nbclient.NotebookClient(again, timeout=600, kernel_name="python3", resources=where).execute()
    for before, after in zip(saved["cells"], again.cells, strict=True):
        # a cell that was saved without outputs only has to run
        assert not before.get("outputs") or texts(after) == texts(before), "".join(before["source"])


def test_saved_notebooks_are_small() -> None:
    assert NOTEBOOKS, "no notebook"
    for path in NOTEBOOKS:
        assert path.stat().st_size < 150_000, path
