"""Item-based filtering by three walks beside scipy.sparse doing the same, over a file of interactions.

    cargo build --release
    pip install numpy scipy
    python3 benches/peers/walks.py FILE [--users 500] [--igql target/release/igql]

FILE has a line per user, `user item item ...` with whole numbers, as the files of NGCF and LightGCN do. Links
weigh less the more there are at either end: scores are those of `A B A` with `A = R / |i|^0.5` and
`B = R' / |u|^0.4`, items that a user has are left out. Both run on one thread, in turns; their answers have to agree. Prints the processor time of each and their ratio,
opening and reading left out of both.
"""

import argparse
import csv
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy as np
import scipy.sparse as sparse

CATALOG = """[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.item]
table = "items.csv"
key = "item_id"
[edge.visits]
table = "visits.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
[defaults]
seen = ["visits"]
"""
PROGRAM = """user
    .walk(visits, limit=all, weight=1.0 / count(~visits(to)) ** 0.5, merge=sum)
    .walk(~visits, limit=all, weight=1.0 / count(visits(to)) ** 0.4, merge=sum)
    .walk(visits, limit=all, weight=1.0 / count(~visits(to)) ** 0.5, merge=sum)
    .unseen()
    .take(20)
"""
TOP = 20
TOGETHER = 50


def read(path):
    users, items = [], []
    for line in open(path):
        user, *visited = map(int, line.split() or [0])
        users += [user] * len(visited)
        items += visited
    return np.array(users), np.array(items)


def column(name, values):
    return "\n".join([name, *map(str, values)]) + "\n"


def write_catalog(folder, users, items):
    (folder / "catalog.toml").write_text(CATALOG)
    (folder / "users.csv").write_text(column("user_id", np.unique(users)))
    (folder / "items.csv").write_text(column("item_id", np.unique(items)))
    links = (f"{u},{i}" for u, i in zip(users, items))
    (folder / "visits.csv").write_text(column("user_id,item_id", links))


def processor_time(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def by_scipy(links, asked):
    degrees = [np.maximum(np.asarray(links.sum(axis)).ravel(), 1) for axis in (0, 1)]
    onward = (links @ sparse.diags(degrees[0] ** -0.5)).tocsr()
    back = (links.T @ sparse.diags(degrees[1] ** -0.4)).tocsr()
    began, found = time.process_time(), {}
    for start in range(0, len(asked), TOGETHER):
        part = asked[start : start + TOGETHER]
        scores = (onward[part] @ back @ onward).toarray()
        for user, row in zip(part, scores):
            row[links.indices[links.indptr[user] : links.indptr[user + 1]]] = -1
            best = np.argpartition(-row, TOP)[:TOP]
            found[user] = best[np.argsort(-row[best], kind="stable")].tolist()
    return time.process_time() - began, found


def by_igql(igql, folder, program, asked):
    """Processor time for the first user and for all, and the rows of the answer."""
    (folder / "program.igql").write_text(program)
    out = folder / "out.csv"
    run = [igql, "run", folder / "program.igql", "--threads", "1", "-o", out, "--users"]
    seconds = []
    for users in [asked[:1], asked]:
        (folder / "asked.csv").write_text(column("user_id", users))
        seconds.append(processor_time([*run, folder / "asked.csv"]))
    return *seconds, list(csv.DictReader(open(out)))


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("file")
    args.add_argument("--users", type=int, default=500)
    args.add_argument("--igql", default="target/release/igql")
    args = args.parse_args()
    users, items = read(args.file)
    links = sparse.csr_matrix((np.ones(len(users)), (users, items)))
    asked = np.unique(users)[: args.users].tolist()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_catalog(folder, users, items)
        igql = str(Path(args.igql).resolve())
        pairs = [(by_igql(igql, folder, PROGRAM, asked), by_scipy(links, asked)) for _ in range(5)]
    for (_, _, rows), (_, peer) in pairs:
        own = {}
        for row in rows:
            own.setdefault(int(row["user"]), []).append(int(row["item_id"]))
        # rows whose scores differ in the last bit may change places
        same = sum(set(own.get(user, [])) == set(peer[user]) for user in asked)
        assert same >= 0.99 * len(asked), f"only {same} of {len(asked)} answers agree"
    own = [both - one for (one, both, _), _ in pairs]
    peer = [seconds for _, (seconds, _) in pairs]
    ratio = statistics.median(a / b for a, b in zip(own, peer))
    print(f"{len(links.data)} links, {len(asked)} users, medians of {len(pairs)}:")
    print(f"igql {statistics.median(own):.2f} s, scipy {statistics.median(peer):.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
