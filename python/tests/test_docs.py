"""The examples of the documentation: they run, and print what the page says.

The blocks of a page run from top to bottom in one namespace, in a folder with a copy of the examples' data. Where
a `text` block follows a `python` block, it is what that prints; a line `...` stands for lines that are left out. `DOCS_WRITE=1`
puts what is printed into the pages: read the difference before you commit it.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import re
import shutil
import sys
import traceback
import types
from collections.abc import Iterator
from typing import Any

import pytest

# `python/check.sh` tests what was installed, apart from the sources
ROOT = pathlib.Path(os.environ.get("IGQL_ROOT", pathlib.Path(__file__).parents[2]))
PAGES = [ROOT / "docs" / "python.md", ROOT / "python" / "README.md", ROOT / "README.md"]
BLOCK = re.compile(r"^```(?P<kind>python|ipython)\n(?P<code>.*?)^```\n(?:\n```text\n(?P<said>.*?)^```\n)?", re.M | re.S)


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Nothing that a page writes is left in the repository."""
    for name in ["explore", "movies"]:
        source = ROOT / "examples" / name
        shutil.copytree(source, tmp_path / "examples" / name, ignore=shutil.ignore_patterns(".igql"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    # functions of a page are found by other processes as those of a module
    module = types.ModuleType("page")
    sys.modules["page"] = module
    yield module
    del sys.modules["page"]


def printed(module: types.ModuleType, code: str, name: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, name, "exec"), module.__dict__)
    return out.getvalue()


def shell(module: types.ModuleType) -> Any:
    from IPython.core.interactiveshell import InteractiveShell

    return InteractiveShell.instance(user_module=module, user_ns=module.__dict__)


def matches(said: str, found: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"^\.\.\.\n", said, flags=re.M)]
    return re.fullmatch(".*".join(parts), found, flags=re.S) is not None


def plain(text: str) -> str:
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_print_what_they_say(page: pathlib.Path, place: pathlib.Path, module: types.ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    wrong: list[str] = []

    def run(block: "re.Match[str]") -> str:
        line = text.count("\n", 0, block.start()) + 1
        where = f"{page.name}:{line}"
        if block["kind"] == "ipython":
            pytest.importorskip("IPython")
            shell(module).run_cell(block["code"]).raise_error()
            return block[0]
        try:
            found = plain(printed(module, block["code"], where))
        except Exception:
            wrong.append(f"{where}:\n{traceback.format_exc()}")
            return block[0]
        said = block["said"]
        if said is None and found:
            wrong.append(f"{where} prints, and nothing is shown:\n{found}")
        if said is None or matches(said, found):
            return block[0]
        wrong.append(f"{where} prints\n{found}\nand not\n{said}")
        return block[0].replace(f"```text\n{said}```", f"```text\n{found}```")

    written = BLOCK.sub(run, text)
    if "DOCS_WRITE" in os.environ:
        page.write_text(written, encoding="utf-8")
    assert BLOCK.search(text), "a page without examples"
    assert not wrong, "\n\n".join(wrong)
