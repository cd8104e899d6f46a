"""Tables of MovieLens (ml-latest-small).

    python3 prepare.py DATA OUT

DATA has ratings.csv. Of each user's ratings, in order of time, the last fifth is the test and the tenth before it is for
tuning. OUT/test is fitted on all but the last fifth, OUT/tune on what comes before the tenth; each asks for the likes
(4 stars and more) of its part.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tables

LIKE = 4.0


def by_user(path):
    """Ratings of each user in order of time; of the same second, in the order of the file."""
    users = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            users[int(row["userId"])].append((int(row["timestamp"]), int(row["movieId"]), float(row["rating"])))
    return {user: sorted(rows, key=lambda row: row[0]) for user, rows in users.items()}


def split(out, users, start, end):
    """Fitted on what comes before `start(n)` of the `n` ratings of a user; asks for what comes before `end(n)`."""
    fitted, held_out = [], []
    for user, rows in users.items():
        first, last = start(len(rows)), end(len(rows))
        fitted += [(user, movie, rating, time) for time, movie, rating in rows[:first]]
        held_out += [(user, movie) for _, movie, rating in rows[first:last] if rating >= LIKE]
    tables.write(out / "ratings.csv", ["user_id", "movie_id", "rating", "time"], fitted)
    tables.write(out / "held_out.csv", ["user_id", "movie_id"], held_out)
    tables.items(out / "movies.csv", "movie_id", [link[1] for link in fitted + held_out])


def main():
    data, out = map(Path, sys.argv[1:])
    users = by_user(data / "ratings.csv")

    def test(n):
        return n - round(0.2 * n)

    split(out / "test", users, test, lambda n: n)
    split(out / "tune", users, lambda n: test(n) - round(0.1 * n), test)


main()
