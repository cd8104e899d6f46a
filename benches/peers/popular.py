"""Popularity for many users beside numpy doing the same, over a file of interactions.

    cargo build --release
    pip install numpy
    python3 benches/peers/popular.py FILE [--users 700] [--igql target/release/igql]

FILE has a line per user, `user item item ...` with whole numbers, as the files of NGCF and LightGCN do. Two programs:
the 500 items with most users, the same for everyone; and the 20 that a user does not have yet. numpy counts once and
takes the best for each user. Both run on one thread, in turns, and their answers have to agree. Prints the processor
time of each and their ratio; of igql that is what all users take beyond the first, so that opening and reading are
left out of both.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy as np
from walks import by_igql, read, write_catalog

PROGRAMS = {
    "the same 500 for all": "all(item).score(log1p(count(~visits(it)))).take(500)\n",
    "20 that each does not have": "all(item).score(log1p(count(~visits(it)))).unseen().take(20)\n",
}


def by_numpy(users, items, asked, most, unseen):
    starts = np.searchsorted(users, asked), np.searchsorted(users, asked, side="right")
    keys = np.unique(items)
    began, found = time.process_time(), {}
    scores = np.log1p(np.bincount(items, minlength=keys[-1] + 1)[keys])
    for user, start, end in zip(asked, *starts):
        own = scores.copy() if unseen else scores
        if unseen:
            own[np.searchsorted(keys, items[start:end])] = -1
        best = np.argpartition(-own, most)[:most]
        best = best[np.lexsort((best, -own[best]))]
        found[user] = own[best]
    return time.process_time() - began, found


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("file")
    args.add_argument("--users", type=int, default=700)
    args.add_argument("--igql", default="target/release/igql")
    args = args.parse_args()
    users, items = read(args.file)
    order = np.argsort(users, kind="stable")
    users, items = users[order], items[order]
    asked = np.unique(users)[: args.users].tolist()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_catalog(folder, users, items)
        igql = str(Path(args.igql).resolve())
        for name, program in PROGRAMS.items():
            most, unseen = (20, True) if "unseen" in program else (500, False)
            runs = []
            for _ in range(5):
                one, all_users, rows = by_igql(igql, folder, program, asked)
                peer, expected = by_numpy(users, items, asked, most, unseen)
                found = {}
                for row in rows:
                    found.setdefault(int(row["user"]), []).append(float(row["score"]))
                for user in asked:
                    assert np.allclose(found[user], expected[user]), (name, user)
                runs.append((all_users - one, peer, one, all_users))
            own, peer, one, all_users = (statistics.median(column) for column in zip(*runs))
            print(
                f"{name}, {len(asked)} users: igql {own:.3f} s, numpy {peer:.3f} s, ratio {own / peer:.2f}; "
                f"the command for one user {one:.3f} s, for all {all_users:.3f} s"
            )


if __name__ == "__main__":
    main()
