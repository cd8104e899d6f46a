"""Memory of `igql train`: generated examples with 64 inputs, more than fit into memory.

    cargo build --release
    python3 benches/training.py FOLDER [--examples 20000000] [--igql target/release/igql] [--epochs 1]

The world stays in FOLDER and is used again. Of the inputs 40 are columns of the item, 16 of the user, 5 count links before
the example and 3 are ids; there are two heads. The peak is that of the process, with what is mapped of the snapshot.
"""

import argparse
import os
import random
import re
import subprocess
import tempfile
import time
from array import array
from pathlib import Path

ITEM, USER = 40, 16
CATALOG = """[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.item]
table = "items.csv"
key = "item_id"
[edge.shown]
table = "shown.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
time = "at"
[edge.shown.columns]
at = { type = "time", unit = "s" }
[defaults]
impressions = "shown"
now = "latest"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--examples", type=int, default=20_000_000)
    parser.add_argument("--igql", default="target/release/igql")
    parser.add_argument("--epochs", type=int, default=1)
    args = parser.parse_args()
    if not (args.folder / "shown.csv").exists():
        generate(args.folder, args.examples)
    (args.folder / "model.igql").write_text(program(args.epochs))
    catalog = ["--catalog", args.folder]
    seconds, peak, _ = timed(args.igql, "build", *catalog)
    print(f"build: {seconds:.0f} s, peak {peak:.0f} MB")
    seconds, peak, said = timed(args.igql, "train", args.folder / "model.igql", "--again", *catalog)
    print("\n".join(line for line in said.splitlines() if re.search("table|error|failed|examples", line)))
    print(f"train: {seconds:.0f} s, peak {peak:.0f} MB")


def program(epochs):
    dense = [f"f{n}" for n in range(ITEM)] + [f"viewer.g{n}" for n in range(USER)]
    dense += [
        "count(~shown(it))",
        "count(shown(viewer))",
        "count(~shown(it), within=1d)",
        "(count(~shown(it), where=clicked) + 1) / (count(~shown(it)) + 20)",
        "(count(shown(viewer), where=clicked) + 1) / (count(shown(viewer)) + 20)",
    ]
    inputs = f"dense=[{', '.join(dense)}], sparse=[it, viewer, kind]"
    heads = "heads={p_click: clicked, p_long: seconds >= 30.0}"
    return f"model big on item = mtml({inputs}, {heads}, epochs={epochs})\n"


def generate(folder, examples):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.toml").write_text(CATALOG)
    chance = random.Random(7)
    users, items = max(examples // 200, 1000), max(examples // 400, 1000)
    quality = array("d", (chance.gauss(0, 1) for _ in range(items)))
    with open(folder / "items.csv", "w") as file:
        print("item_id", "kind", *(f"f{n}" for n in range(ITEM)), sep=",", file=file)
        for item in range(items):
            numbers = (f"{quality[item] * (n == 0) + chance.random():.4f}" for n in range(ITEM))
            print(item, chance.choice("abcdefgh"), *numbers, sep=",", file=file)
    with open(folder / "users.csv", "w") as file:
        print("user_id", *(f"g{n}" for n in range(USER)), sep=",", file=file)
        for user in range(users):
            print(user, *(f"{chance.random():.4f}" for _ in range(USER)), sep=",", file=file)
    rand = chance.random
    with open(folder / "shown.csv", "w", buffering=1 << 20) as file:
        file.write("user_id,item_id,at,clicked,seconds\n")
        for number in range(examples):
            item, user, luck = int(rand() * items), int(rand() * users), rand()
            clicked = "true" if luck < 0.1 + 0.05 * quality[item] else "false"
            file.write(f"{user},{item},{1_700_000_000 + number // 10},{clicked},{luck * 40:.1f}\n")


def timed(*command):
    """Seconds, peak in MB, and what the command says."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen([str(part) for part in command], stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if child.returncode != 0:
        raise SystemExit(text)
    return time.monotonic() - start, used.ru_maxrss / 1000, text


main()
