"""Answers as frames of other libraries, and as pages of a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from ._igql import Answer, Answers


def _needs(library: str, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise ImportError(f"{library} is not installed: pip install 'igql[{extra}]'") from error


def to_arrow(it: Answer | Answers) -> pyarrow.Table:
    return _needs("pyarrow", "arrow").table(it)


def to_pandas(it: Answer | Answers) -> pandas.DataFrame:
    _needs("pandas", "pandas")
    frame: pandas.DataFrame = to_arrow(it).to_pandas()
    return frame


def to_polars(it: Answer | Answers) -> polars.DataFrame:
    frame: polars.DataFrame = _needs("polars", "polars").DataFrame(it)
    return frame


# rows of a page in a notebook: more can be had as a frame
_SHOWN = 50

_STYLE = """<style>
.igql table { border-collapse: collapse } .igql td, .igql th { padding: .15em .6em; text-align: left !important; vertical-align: top }
.igql td.number { text-align: right !important; font-variant-numeric: tabular-nums } .igql th { border-bottom: 1px solid currentColor }
.igql details { opacity: .85 } .igql summary { cursor: pointer } .igql .note { opacity: .7 } .igql .null { opacity: .4 }
</style>"""


def _cell(value: Any) -> str:
    if value is None:
        return "<td class='null'>null</td>"
    if isinstance(value, bool):
        return f"<td>{str(value).lower()}</td>"
    if isinstance(value, float):
        return f"<td class='number'>{value:.4g}</td>" if abs(value) < 1e4 else f"<td class='number'>{value:,.0f}</td>"
    if isinstance(value, int):
        return f"<td class='number'>{value}</td>"
    if isinstance(value, list):
        text = " | ".join(str(item) for item in value[:8]) + (" | …" if len(value) > 8 else "")
        return f"<td>{escape(text)}</td>"
    return f"<td>{escape(str(value))}</td>"


def _step(step: dict[str, Any]) -> str:
    what = " ".join(f"{name} {value}" for name, value in step.items() if name.endswith("_id") or name == "key")
    if not what:
        known = ("op", "score", "weight", "links")
        what = " ".join(f"{name} {value}" for name, value in step.items() if name not in known)
    return f"{step['op']} → {what}" if what else str(step["op"])


def _why_html(why: dict[str, Any]) -> str:
    path = " <br> ".join(escape(_step(step)) for step in why.get("path", []))
    scores = []
    for score in why.get("scores", []):
        made = escape(f"{score['op']}: {score['score']}")
        if "model" in score:
            made += escape(f" by {score['model']}")
        rows = "".join(
            f"<tr><td>{escape(str(part['feature']))}</td>{_cell(part['value'])}{_cell(part['effect'])}</tr>"
            for part in score.get("features", [])
        )
        head = "<tr><th>input</th><th>value</th><th>effect</th></tr>" if rows else ""
        scores.append(f"<div>{made}</div><table>{head}{rows}</table>")
    return f"<details><summary>why</summary>{path}{''.join(scores)}</details>"


def _rows_html(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p class='note'>no rows</p>"
    names = [name for name in rows[0] if name != "why"]
    explained = any("why" in row for row in rows)
    head = "".join(f"<th>{escape(name)}</th>" for name in names) + ("<th></th>" if explained else "")
    body = ""
    for row in rows[:_SHOWN]:
        cells = "".join(_cell(row.get(name)) for name in names)
        why = f"<td>{_why_html(row['why'])}</td>" if "why" in row else ""
        body += f"<tr>{cells}{why}</tr>"
    more = f"<p class='note'>and {len(rows) - _SHOWN} more</p>" if len(rows) > _SHOWN else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _whole_html(whole: dict[str, Any]) -> str:
    results = whole["results"]
    lists = results.items() if isinstance(results, dict) else [("", results)]
    page = "".join((f"<h4>{escape(name)}</h4>" if name else "") + _rows_html(rows) for name, rows in lists)
    for missing in whole.get("why_not", []):
        reasons = "; ".join(str(reason.get("message", reason.get("op", ""))) for reason in missing.get("reasons", []))
        key = next((str(value) for name, value in missing.items() if name not in ("list", "outcome", "reasons")), "")
        page += f"<p><b>{escape(key)}</b> {escape(str(missing['outcome']))}: {escape(reasons)}</p>"
    for warning in whole.get("warnings", []):
        page += f"<p class='note'>warning: {escape(warning)}</p>"
    return page


def answer_html(answer: Answer) -> str:
    return f"<div class='igql'>{_STYLE}{_whole_html(answer.to_dict())}</div>"


def answers_html(answers: Answers) -> str:
    shown = [answers[at] for at in range(min(len(answers), 5))]
    pages = "".join(
        f"<details{' open' if at == 0 else ''}><summary>{escape(str(answer.user))}: {len(answer)} rows</summary>"
        f"{_whole_html(answer.to_dict())}</details>"
        for at, answer in enumerate(shown)
    )
    more = f"<p class='note'>and {len(answers) - len(shown)} more requests</p>" if len(answers) > len(shown) else ""
    return f"<div class='igql'>{_STYLE}{pages}{more}</div>"
