#!/usr/bin/env python3
"""How often a program finds the movie that was hidden from it.

    cargo build --release
    python3 examples/movies/evaluate.py

From every user the last like is taken away (the newest rating of 4 or more; of several at one
time, the first in the file), the programs are trained and run on what is left, and the share of users whose
hidden movie is among the 20 that a program returns is its hit rate. Needs nothing but Python.
"""
import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = sys.argv[1:] or ["popular.igql", "content.igql", "sources/recent_mean.igql", "recommend.igql"]
IGQL = HERE.parent.parent / "target" / "release" / "igql"


def last_likes(rows):
    """The number of the row to hide, by user."""
    last = {}
    for i, row in enumerate(rows):
        user = row["userId"]
        liked = float(row["rating"]) >= 4
        if liked and (user not in last or int(row["timestamp"]) > int(rows[last[user]]["timestamp"])):
            last[user] = i
    return last


def hide(world):
    """A copy of the catalog without the last likes; what was hidden, by user."""
    shutil.copytree(HERE, world, ignore=shutil.ignore_patterns(".igql"))
    with open(HERE / "ratings.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    last = last_likes(rows)
    hidden = set(last.values())
    with open(world / "ratings.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for i, row in enumerate(rows) if i not in hidden)
    return {user: int(rows[i]["movieId"]) for user, i in last.items()}


def answers(program, users):
    command = [IGQL, "run", program, "--users", users, "--format", "ndjson"]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {str(a["user"]): [row["movieId"] for row in a["results"]] for a in map(json.loads, out.splitlines())}


def main():
    with tempfile.TemporaryDirectory() as folder:
        world = pathlib.Path(folder) / "movies"
        hidden = hide(world)
        users = world / "users.txt"
        users.write_text("\n".join(hidden))
        for program in PROGRAMS:
            subprocess.run([IGQL, "train", world / program], check=True, stdout=subprocess.DEVNULL)
            found = answers(world / program, users)
            hits = sum(movie in found[user][:20] for user, movie in hidden.items())
            print(f"{program:26} {hits:4} of {len(hidden)}  {hits / len(hidden):.1%}")


if __name__ == "__main__":
    main()
