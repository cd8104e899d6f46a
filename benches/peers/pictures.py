"""Draws the pictures of the README into docs/images.

    cargo build --release && python3 benches/peers/pictures.py [IGQL]

chart.svg is drawn from the table "The published query" of docs/performance.md, error.svg from what
the command prints on a terminal, plan.svg by the command itself. All are legible on light and dark
pages. Needs nothing but Python, on a system with pseudo-terminals.
"""

import html
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs/images"
COMMAND = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "target/release/igql"

# label in the table of docs/performance.md, label in the chart, class of the bar
BARS = [
    ("by hand, 40", "numpy + FAISS HNSW, by hand", "peer"),
    ("igql, searched", "IGQL", "own"),
    ("igql, `neighbours = 50`", "IGQL, precomputed neighbours", "own"),
]

MISTAKES = """\
user
    .liked(30)
    .account_nn()
    .posted_media()
    .filter(qualty > 0.5, author == viewer)
    .take(25)
"""

# colours of a terminal that errors use -> class; a class has a colour for light and one for dark
COLOURS = {"31": "red", "33": "yellow", "36": "blue", "38;5;115": "green", "38;5;246": "soft", "38;5;240": "soft"}


def number(text):
    """Milliseconds; of a range the larger."""
    return float(text.removesuffix(" ms").split(" to ")[-1])


def measured():
    """Rows of the table: label -> recall, p50, p99."""
    page = (ROOT / "docs/performance.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    rows = {row[0]: row[1:] for row in rows if len(row) == 4 and row[-1].endswith(" ms")}
    return [(title, kind, rows[label][0], *map(number, rows[label][1:])) for label, title, kind in BARS]


def chart():
    rows = measured()
    left, width, step = 262, 400, 58
    largest = max(p99 for *_, p99 in rows)
    height = 34 + step * len(rows)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" width="760" height="{height}" role="img" '
        'aria-label="Latency of one request: '
        + html.escape("; ".join(f"{title}, recall {recall}: {p50:g} ms median, {p99:g} ms p99" for title, _, recall, p50, p99 in rows))
        + '">',
        "<style>text{font:14px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1d2330}.soft{fill:#667085;font-size:12px}"
        ".name{font-weight:600}.peer{fill:#98a2b5}.own{fill:#d8482f}.tail{opacity:.45}"
        "@media(prefers-color-scheme:dark){text{fill:#e6eaf2}.soft{fill:#98a2b5}.peer{fill:#7d879b}.own{fill:#ff7a5f}}</style>",
        f'<text class="soft" x="{left}" y="16">latency of one request, milliseconds: median, 99th percentile</text>',
    ]
    for i, (title, kind, recall, p50, p99) in enumerate(rows):
        top = 28 + i * step
        out += [
            f'<text class="name" x="{left - 14}" y="{top + 18}" text-anchor="end">{html.escape(title)}</text>',
            f'<text class="soft" x="{left - 14}" y="{top + 36}" text-anchor="end">recall@50 {recall}</text>',
        ]
        for value, offset, tail in ((p50, 4, ""), (p99, 24, " tail")):
            length = max(2, value / largest * width)
            out += [
                f'<rect class="{kind}{tail}" x="{left}" y="{top + offset}" width="{length:.1f}" height="17" rx="2"/>',
                f'<text x="{left + length + 8:.1f}" y="{top + offset + 13}">{value:.2f}</text>',
            ]
    (IMAGES / "chart.svg").write_text("\n".join(out) + "\n</svg>\n")


def on_a_terminal(arguments, folder):
    """What the command prints on a terminal, with its colours."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.pop("NO_COLOR", None)
        os.environ.update(TERM="xterm-256color", COLUMNS="100")
        os.execv(COMMAND, [str(COMMAND), *arguments])
    printed = b""
    try:
        while more := os.read(terminal, 65536):
            printed += more
    except OSError:
        pass
    os.waitpid(child, 0)
    return printed.decode().replace("\r\n", "\n")


def spans(line):
    """Pieces of a line with the class of their colour; neighbours of one colour are one piece."""
    pieces, colour = [], ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            colour = COLOURS.get(part[2:-1], "")
        elif pieces and pieces[-1][0] == colour:
            pieces[-1] = (colour, pieces[-1][1] + part)
        elif part:
            pieces.append((colour, part))
    return pieces


def terminal(lines, name, label):
    wide = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    cell, step, pad = 8.43, 20, 18
    width, height = round(wide * cell + 2 * pad), len(lines) * step + 2 * pad
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{html.escape(label)}">',
        "<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1d2330;white-space:pre}"
        ".paper{fill:#f6f8fb;stroke:#c9d0dc}.red{fill:#c2321b}.yellow{fill:#9a6700}.blue{fill:#2b62c4}.green{fill:#2f7d5b}.soft{fill:#667085}"
        "@media(prefers-color-scheme:dark){text{fill:#e6eaf2}.paper{fill:#12161d;stroke:#4b5872}.red{fill:#ff7a5f}.yellow{fill:#e9a15b}"
        ".blue{fill:#7aa7ff}.green{fill:#5fc598}.soft{fill:#98a2b5}}</style>",
        f'<rect class="paper" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
    ]
    for i, line in enumerate(lines):
        column = 0
        for colour, text in spans(line):
            if text.strip():
                lead = len(text) - len(text.lstrip(" "))
                shown = text.strip(" ")
                x, y = pad + (column + lead) * cell, pad + i * step + 15
                # the length keeps columns in line, whichever monospaced font there is
                out.append(
                    f'<text x="{x:.1f}" y="{y}"{f" class={chr(34)}{colour}{chr(34)}" if colour else ""} '
                    f'textLength="{len(shown) * cell:.1f}" lengthAdjust="spacingAndGlyphs">{html.escape(shown)}</text>'
                )
            column += len(text)
    (IMAGES / name).write_text("\n".join(out) + "\n</svg>\n")


def error(folder):
    (Path(folder) / "program.igql").write_text(MISTAKES)
    catalog = ROOT / "examples/explore"
    # no progress of a build in the picture
    subprocess.run([COMMAND, "build", "--catalog", catalog], check=True, capture_output=True)
    printed = on_a_terminal(["check", "program.igql", "--catalog", str(catalog)], folder)
    lines = ["$ igql check program.igql", *printed.rstrip("\n").split("\n")]
    terminal(lines, "error.svg", "igql check names two mistakes of a program, each with its place and with what to write instead")


def plan():
    # the picture names files as they are named here
    explain = [COMMAND, "explain", "examples/movies/recommend.igql", "--analyze", "--user", "42"]
    subprocess.run([*explain, "-o", IMAGES / "plan.svg"], check=True, cwd=ROOT)


IMAGES.mkdir(exist_ok=True)
chart()
with tempfile.TemporaryDirectory() as place:
    error(place)
plan()
