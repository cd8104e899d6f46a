"""What the preparation scripts share: tables as CSV, and shares of links held out by a hash of their ends."""

import csv
import hashlib


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def bucket(user, item, buckets):
    """The same number for the same link, on every machine and in every version of Python."""
    digest = hashlib.blake2b(f"{user} {item}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % buckets


def lists(path):
    """Users with their items, of lines `user item item ...`."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            user, *items = map(int, line.split() or [0])
            if items:
                yield user, items


def items(path, key, rows):
    """Everything that can be asked for, so that what nobody links to any more counts as missed."""
    write(path, [key], [[item] for item in sorted(set(rows))])
