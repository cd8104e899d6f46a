"""Tables of Last.fm, in the split of LightGCN.

    python3 prepare.py DATA OUT

DATA has data1.txt (train), test1.txt (test) and trustnetwork.txt. OUT/test is fitted on train and asks for test;
OUT/tune asks for 15 % of the links of train, and is fitted on the others.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tables


def links(path):
    with open(path, encoding="utf-8") as file:
        for user, artist, listens in map(str.split, file):
            yield int(user), int(artist), int(float(listens))


def friends(path):
    """Each pair in both directions."""
    with open(path, encoding="utf-8") as file:
        pairs = {tuple(map(int, line.split())) for line in file}
    return sorted(pairs | {(b, a) for a, b in pairs})


def split(out, fitted, held_out, pairs):
    tables.write(out / "listens.csv", ["user_id", "artist_id", "listens"], fitted)
    tables.write(out / "held_out.csv", ["user_id", "artist_id"], [link[:2] for link in held_out])
    tables.write(out / "friends.csv", ["user_id", "friend_id"], pairs)
    tables.items(out / "artists.csv", "artist_id", [link[1] for link in fitted + held_out])


def main():
    data, out = map(Path, sys.argv[1:])
    train, test = list(links(data / "data1.txt")), list(links(data / "test1.txt"))
    pairs = friends(data / "trustnetwork.txt")
    split(out / "test", train, test, pairs)
    aside = [tables.bucket(user, artist, 100) < 15 for user, artist, _ in train]
    fitted = [link for link, held in zip(train, aside) if not held]
    split(out / "tune", fitted, [link for link, held in zip(train, aside) if held], pairs)


main()
