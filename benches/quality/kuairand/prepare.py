"""Tables of KuaiRand, the rows with a like or a hate.

    python3 prepare.py DATA OUT

DATA has processed_standard_kcore_15.tsv. OUT/test has what was shown with what came of it, the videos with a bucket of
their durations (0: pictures; 1 to 10: tenths of the others), and for each user one request at the time of the first row of
their test part, the last fifth of their rows.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tables

OUTCOMES = {
    "click": "is_click",
    "follow": "is_follow",
    "comment": "is_comment",
    "forward": "is_forward",
    "long": "long_view",
    "profile": "is_profile_enter",
    "like": "label",
}


def rows(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def buckets(durations):
    """The tenth of each duration among those that are not 0."""
    known = sorted(d for d in durations.values() if d > 0)
    bounds = [known[len(known) * tenth // 10] for tenth in range(1, 10)]
    return {v: 0 if d == 0 else 1 + sum(d >= bound for bound in bounds) for v, d in durations.items()}


def asks(shown):
    """Of each user the row at whose time the test part begins."""
    own = defaultdict(list)
    for row in shown:
        own[row["user_id"]].append(row)
    for user in own.values():
        user.sort(key=lambda row: int(row["time_ms"]))
        yield user[len(user) - round(0.2 * len(user))]


def main():
    data, out = map(Path, sys.argv[1:])
    shown = rows(data / "processed_standard_kcore_15.tsv")
    outcomes = [
        [row["user_id"], row["video_id"], row["time_ms"]]
        + ["true" if row[column] == "1" else "false" for column in OUTCOMES.values()]
        for row in shown
    ]
    test = out / "test"
    tables.write(test / "impressions.csv", ["user_id", "video_id", "at", *OUTCOMES], outcomes)
    tables.write(
        test / "asks.csv",
        ["user_id", "video_id", "at"],
        [[row[column] for column in ("user_id", "video_id", "time_ms")] for row in asks(shown)],
    )
    durations = {int(row["video_id"]): float(row["duration_ms"]) for row in shown}
    bucket = buckets(durations)
    tables.write(
        test / "videos.csv",
        ["video_id", "duration_ms", "bucket_id"],
        [[video, duration, bucket[video]] for video, duration in sorted(durations.items())],
    )


main()
