"""Builds worlds of growing size and measures them: build, size, opening, the published query with and without
neighbours found ahead, the funnel of three models, batches on one and two threads.

    cargo build --release
    python3 benches/scaling.py FOLDER [--accounts 10000,100000,1000000] [--igql target/release/igql]

Worlds stay in FOLDER and are used again. Every account has five media, and there are fifty accounts to a topic.
Figures are medians of five runs in turns; compare them with each other, not with those of another machine.
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

PUBLISHED = """user.liked(max_num_to_retrieve=30).let(seed_id=account_id)
.account_nn(k=50).posted_media(max_media_per_account=10)
.filter(non_recommendable_model_threshold=0.2).rank().diversify_by(seed_id, method=round_robin)
"""
FUNNEL = """model first on media = formula(log1p(like_count))
model second on media = formula(log1p(like_count) + quality)
user.liked(max_num_to_retrieve=30).account_nn(k=50).posted_media(max_media_per_account=10)
.filter(non_recommendable_model_threshold=0.2)
.rank(first, keep=500).rank(second, keep=150).rank(keep=50).diversify_by(author).take(25)
"""
RUNS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", default="10000,100000,1000000")
    parser.add_argument("--igql", default="target/release/igql")
    parser.add_argument("--users", type=int, default=1000)
    args = parser.parse_args()
    for accounts in map(int, args.accounts.split(",")):
        measure(args, accounts)


def measure(args, accounts):
    print(f"\n{accounts} accounts, {5 * accounts} media")
    plain = args.folder / f"w{accounts}"
    if not plain.exists():
        run(args.igql, "demo", plain, "--users", max(accounts // 5, 1000), "--accounts", accounts,
            "--media", 5 * accounts, "--impressions", 10 * accounts)
        seconds, peak, said = timed(args.igql, "build", "--catalog", plain)
        print(f"  built in {seconds:.1f} s, peak {peak:.0f} MB")
        print("  " + " ".join(re.findall(r"(?:snapshot|file) .*MB\)?", said)))
    listed = with_lists(args, plain)
    with tempfile.TemporaryDirectory() as folder:
        programs = {}
        for name, text in [("published", PUBLISHED), ("funnel", FUNNEL)]:
            programs[name] = Path(folder) / f"{name}.igql"
            programs[name].write_text(text)
        users = Path(folder) / "users"
        # users of a generated world have every eleventh number from 5 on
        rows = range(0, max(accounts // 5, 1000), max(accounts // 5, 1000) // args.users or 1)
        users.write_text("".join(f"{5 + 11 * row}\n" for row in rows))
        seconds, _, _ = timed(args.igql, "run", programs["published"], "--catalog", plain, "--user", 5)
        print(f"  a new process opens the catalog and answers in {seconds * 1e3:.0f} ms")
        cases = [
            ("published, live", "published", plain, 1, 1),
            ("published, lists", "published", listed, 1, 1),
            ("funnel, live", "funnel", plain, 1, 1),
            ("funnel, lists", "funnel", listed, 1, 1),
            ("published, lists, batches of 64, 1 thread", "published", listed, 64, 1),
            ("published, lists, batches of 64, 2 threads", "published", listed, 64, 2),
            ("published, live, batches of 64, 1 thread", "published", plain, 64, 1),
            ("published, live, batches of 64, 2 threads", "published", plain, 64, 2),
        ]
        found = {case[0]: [] for case in cases}
        for _ in range(RUNS):
            for name, program, world, batch, threads in cases:
                said = run(args.igql, "bench", programs[program], "--catalog", world, "--users", users,
                           "--batch", batch, "--threads", threads, "--format", "json")
                found[name].append(json.loads(said))
        for name, reports in found.items():
            median = lambda key: statistics.median(report[key] for report in reports)
            rows = max(median("rows_median"), 1)
            per_row = median("p50_us") / rows / median("batch")
            print(f"  {name:44} p50 {median('p50_us'):8.0f} us, p99 {median('p99_us'):8.0f} us, "
                  f"{median('requests_per_s'):7.0f}/s, {per_row:6.2f} us a row of {rows:.0f}")
            if name.endswith(("live", "lists")):
                operators = reports[0]["operators"]
                each = [statistics.median(r["operators"][i]["us"] for r in reports) for i in range(len(operators))]
                print("    " + ", ".join(
                    f"{op['op']} {us:.1f} us for {op['rows']:.0f}" for op, us in zip(operators, each)))


def with_lists(args, plain):
    """The same world with fifty neighbours of every account found ahead."""
    listed = plain.with_name(plain.name + "-lists")
    if listed.exists():
        return listed
    listed.mkdir()
    for file in plain.iterdir():
        if file.name == "catalog.toml":
            text = file.read_text().replace('metric = "cosine"', 'metric = "cosine"\nneighbours = 50')
            (listed / file.name).write_text(text)
        elif file.is_file():
            (listed / file.name).symlink_to(file.resolve())
    derived = plain / ".igql" / "artifacts"
    if derived.exists():
        target = listed / ".igql" / "artifacts"
        target.mkdir(parents=True)
        for file in derived.iterdir():
            (target / file.name).symlink_to(file.resolve())
    seconds, peak, said = timed(args.igql, "build", "--catalog", listed)
    sizes = re.findall(r"file neighbours.*MB", said)
    print(f"  with neighbours, the index being there: {seconds:.1f} s, peak {peak:.0f} MB, {' '.join(sizes)}")
    return listed


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def timed(*command):
    """Seconds, peak memory in MB of all that ran so far, and what was said."""
    started = time.perf_counter()
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    return time.perf_counter() - started, peak, done.stderr


if __name__ == "__main__":
    main()
