#!/usr/bin/env python3
"""Metrics of `igql replay` beside those of pytrec_eval and ranx, request by request.

    cargo build --release
    pip install pytrec-eval-terrier ranx
    python3 benches/peers/metrics.py [IGQL]

Random catalogs with ties, short and empty lists, and users without truth are replayed; the lists and
the truth go through TREC files to the libraries. Values have to agree to 1e-12 (ranx and some of
pytrec_eval: 1e-6, they hold 32-bit floats). A request without rows does not occur in a TREC run, so
pytrec_eval leaves it out of its means; here it counts as 0.
"""
import csv
import datetime
import pathlib
import random
import subprocess
import sys
import tempfile

import pytrec_eval
import ranx

HERE = pathlib.Path(__file__).resolve().parent
IGQL = sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent / "target" / "release" / "igql"
CUTS = [1, 3, 5, 10, 20]
CATALOG = """
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.post]
table = "posts.csv"
key = "post_id"
"""
EDGE = """
[edge.{name}]
table = "{name}.csv"
from = {{ entity = "user", column = "user_id" }}
to = {{ entity = "post", column = "post_id" }}
time = "at"
"""
# equal scores, lists of 0 to 25 rows
PROGRAM = "all(post).filter(bucket(viewer.user_id, \"none\", 5) > 0).filter(bucket(post_id, \"x\", 7) >= " \
          "bucket(viewer.user_id, \"y\", 9)).score(quality).take(25)\n"


def catalog(folder, seed):
    """A random catalog; both edges have links on a few days."""
    draw = random.Random(seed)
    (folder / "catalog.toml").write_text(CATALOG + EDGE.format(name="likes") + EDGE.format(name="saves"))
    (folder / "users.csv").write_text("user_id\n" + "".join(f"{u}\n" for u in range(60)))
    posts = "".join(f"{p},{draw.randrange(4)}\n" for p in range(80))
    (folder / "posts.csv").write_text("post_id,quality\n" + posts)
    for name, links in [("likes", 1500), ("saves", 400)]:
        rows = "".join(
            f"{draw.randrange(60)},{draw.randrange(80)},2024-01-{draw.randrange(2, 12):02}T{draw.randrange(24):02}:00:00Z\n"
            for _ in range(links)
        )
        (folder / f"{name}.csv").write_text("user_id,post_id,at\n" + rows)
    (folder / "p.igql").write_text(PROGRAM)


def replayed(folder, gains):
    """Values by metric and request, the run and the truth."""
    names = ["hit", "recall", "precision", "f1", "ndcg", "map", "mrr"]
    command = [IGQL, "replay", "p.igql", "--truth", "likes,saves", "--gain", "saves=3", "--from", "2024-01-02",
               "--k", ",".join(map(str, CUTS)), "--metrics", ",".join(names), "--format", "trec", "-o", "run.trec",
               "--qrels", "qrels.txt", "--per-request", "each.csv", "--gain-function", gains]
    subprocess.run(command, cwd=folder, check=True)
    run, truth, own = {}, {}, {}
    for line in (folder / "run.trec").read_text().splitlines():
        topic, _, key, _, score, _ = line.split(" ")
        run.setdefault(topic, {})[key] = float(score)
    for line in (folder / "qrels.txt").read_text().splitlines():
        topic, _, key, gain = line.split(" ")
        truth.setdefault(topic, {})[key] = int(float(gain))
    with open(folder / "each.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    epoch = datetime.datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    for row in rows:
        time = datetime.datetime.fromisoformat(row["t"].replace("Z", "+00:00"))
        topic = f"{row['user']}@{int((time - epoch).total_seconds()) * 1_000_000}"
        if topic in truth:
            own[topic] = {name: float(value) for name, value in row.items() if "@" in name}
    return own, run, truth


def compare(own, other, name, near):
    """The largest difference of a metric; requests that the library does not have count 0."""
    worst = 0.0
    for topic, values in own.items():
        worst = max(worst, abs(values[name] - other.get(topic, 0.0)))
    assert worst <= near, f"{name}: {worst}"
    return worst


def main():
    cuts = ",".join(map(str, CUTS))
    measures = {f"{m}.{cuts}" for m in ["ndcg_cut", "map_cut", "P", "recall", "success"]} | {"recip_rank"}
    checked = 0
    for seed in range(5):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            catalog(folder, seed)
            own, run, truth = replayed(folder, "linear")
            trec = pytrec_eval.RelevanceEvaluator(truth, measures).evaluate(run)
            empty = len(own) - len(set(own) & set(run))
            assert empty > 0, "no request without rows"
            for cut in CUTS:
                for metric, theirs in [("ndcg", "ndcg_cut"), ("map", "map_cut"), ("precision", "P"),
                                       ("recall", "recall"), ("hit", "success")]:
                    values = {topic: found[f"{theirs}_{cut}"] for topic, found in trec.items()}
                    compare(own, values, f"{metric}@{cut}", 1e-12)
                    checked += len(own)
            lists = {topic: found for topic, found in run.items() if topic in truth}
            qrels, ranked = ranx.Qrels({t: truth[t] for t in lists}), ranx.Run(lists)
            own_exp = replayed(folder, "exp")[0]
            for cut in CUTS:
                for metric, theirs, values in [("hit", "hit_rate", own), ("precision", "precision", own),
                                               ("recall", "recall", own), ("f1", "f1", own), ("mrr", "mrr", own),
                                               ("map", "map", own), ("ndcg", "ndcg", own),
                                               ("ndcg", "ndcg_burges", own_exp)]:
                    ranx.evaluate(qrels, ranked, f"{theirs}@{cut}")
                    compare(values, dict(ranked.scores[f"{theirs}@{cut}"]), f"{metric}@{cut}", 1e-6)
                    checked += len(own)
            print(f"seed {seed}: {len(own)} requests with truth, {empty} without rows")
    print(f"{checked} values agree")


if __name__ == "__main__":
    main()
