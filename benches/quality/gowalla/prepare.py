"""Tables of Gowalla, in the split of NGCF and LightGCN.

    python3 prepare.py DATA OUT

DATA has train.txt and, optionally, valid.txt, a part of train, and test.txt. OUT/tune is fitted on train without
valid and asks for valid; OUT/test is fitted on train and asks for test.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tables


def links(path):
    return [(user, place) for user, places in tables.lists(path) for place in places]


def split(out, fitted, held_out):
    tables.write(out / "visits.csv", ["user_id", "place_id"], fitted)
    tables.write(out / "held_out.csv", ["user_id", "place_id"], held_out)
    tables.items(out / "places.csv", "place_id", [place for _, place in fitted + held_out])


def main():
    data, out = map(Path, sys.argv[1:])
    train = links(data / "train.txt")
    if (data / "valid.txt").exists():
        valid = links(data / "valid.txt")
        aside = set(valid)
        split(out / "tune", [link for link in train if link not in aside], valid)
    if (data / "test.txt").exists():
        split(out / "test", train, links(data / "test.txt"))


main()
